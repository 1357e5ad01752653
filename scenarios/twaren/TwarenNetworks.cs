using System.Diagnostics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.Twaren;

/// <summary>Migration of several levels (§4): VM-S goes from campus to campus, and W's packets follow it.</summary>
internal sealed class TwarenNetworks
{
    private const ushort StreamPort = 7100;
    private const int PacketsAfter = 10;
    private static readonly TimeSpan TripTime = TimeSpan.FromSeconds(0.5);
    private const double MostSeconds = 1; // of a move, with what is waited for before and after
    private static readonly TimeSpan BetweenMoves = TimeSpan.FromMilliseconds(50);

    private readonly ScenarioRun _run;
    private readonly TwarenCampuses _lab;
    private readonly Insertion _insertion;
    private readonly IReadOnlyList<StaticFlow> _fixed;
    private IReadOnlyList<StaticFlow> _flows;

    private TwarenNetworks(ScenarioRun run, TwarenCampuses lab)
    {
        _run = run;
        _lab = lab;
        _insertion = run.Get(TwarenParameters.Insertion) == CommonParameters.Reactive ? Insertion.Reactive : Insertion.Proactive;
        _fixed =
        [
            .. TwarenCampusFlows.ForGateway(lab.Tunnels),
            .. TwarenCampusFlows.ForMachine(lab.Tunnels, TwarenCampuses.Peer, 1, TwarenCampusFlows.NeighbourPort),
        ];
        _flows = FlowsAt(0);
    }

    // Reactive entries hide each other: with 212 for VM-S's packets to R there is none to P.
    private bool ReachesPeer => _insertion == Insertion.Proactive;

    private bool HasBarriers => _run.Get(TwarenParameters.Barriers);

    public static void Run(ScenarioRun run)
    {
        var tunnels = new TwarenTunnels(run.Get(TwarenParameters.Topology), run.Get(TwarenParameters.NetworkCount));
        long began = Stopwatch.GetTimestamp();
        var lab = new TwarenCampuses(run, tunnels);
        int switches = 2 * tunnels.Campuses;
        run.WaitUntil(() => lab.Controllers.Sum(controller => controller.Switches.Count) == switches, "all switches are connected");
        run.Record(TwarenMeasures.SetUp, Stopwatch.GetElapsedTime(began).TotalSeconds);
        run.Say($"{switches} switches with {tunnels.Pairs.Count()} tunnels are connected to their {lab.Controllers.Count} controllers");
        if (run.Options.CaptureFolder != null)
        {
            run.Tap(lab.Backbone, lab.TunnelInterface); // for people; nothing is counted
        }
        var networks = new TwarenNetworks(run, lab);
        networks.Load();
        networks.Travel();
        networks.MeasureTrips();
        networks.JudgeTables();
    }

    private void Load()
    {
        long began = Stopwatch.GetTimestamp();
        Send([], [.. _fixed, .. _flows]);
        long loaded = _run.Settle(Connections(null));
        _run.Record(TwarenMeasures.Load, Stopwatch.GetElapsedTime(began, loaded).TotalMilliseconds);
        TwarenSteps.Reach(_run, _lab.Moved, _lab.Neighbour.Address, "R");
        if (ReachesPeer)
        {
            TwarenSteps.Reach(_run, _lab.Moved, _lab.PeerHost.Address, "P");
        }
        TwarenSteps.Reach(_run, _lab.Outside, _lab.Moved.Address, "VM-S");
        _run.Say("VM-S, at home, is reached");
    }

    private void Travel()
    {
        Move(1);
        Move(0);
        _run.Say("VM-S was in campus 2 for a rehearsal");
        int rate = _run.Get(TwarenParameters.Rate);
        int capacity = TwarenSteps.CapacityFor(rate, _run.Get(TwarenParameters.Moves) * (MostSeconds + ((PacketsAfter + 1.0) / rate)));
        UdpStream stream = _run.Own(
            UdpStream.Start(_lab.Outside, _lab.Moved, StreamPort, rate, TwarenSteps.PayloadOf(_run), capacity: capacity));
        AwaitMore(stream);
        int arrived = CountArrived();
        var moves = new List<Update>();
        long began = Stopwatch.GetTimestamp();
        TimeSpan used = Environment.CpuUsage.TotalTime;
        for (int i = 0; i < _run.Get(TwarenParameters.Moves); i++)
        {
            // So that moves do not fall between the same two packets.
            _run.Wait(BetweenMoves * (1 + _run.Random.NextDouble()));
            moves.Add(Move((_lab.Moved.Current + 1) % _lab.Tunnels.Campuses));
            AwaitMore(stream);
        }
        double busy = (Environment.CpuUsage.TotalTime - used) / Stopwatch.GetElapsedTime(began);
        StreamSummary summary = stream.Stop();
        _run.Record(TwarenMeasures.Busy, busy);
        _run.Record(TwarenMeasures.Lost, (double)summary.Lost / moves.Count);
        _run.Record(TwarenMeasures.Gap, summary.LongestGap.TotalMilliseconds);
        _run.Record(TwarenMeasures.ControllerPackets, CountArrived() - arrived);
        _run.Result.Add("stream across the moves", summary.ToJson());
        string found = $"{busy:0.0} of {Environment.ProcessorCount} processors busy";
        // Reactive flows are not there at the barrier: they come with packets.
        if (_insertion == Insertion.Proactive)
        {
            found = $"{RecordUpdates(moves)}, {found}";
        }
        _run.Figure($"{moves.Count} moves through {_lab.Tunnels.Campuses} campuses", "none given", found);
        _run.Figure("W's packets to VM-S", "none given", summary.ToString());
        // Packets that were under way when VM-S left again belong to the next move.
        long underWay = (long)(summary.LongestDelay.TotalSeconds * Stopwatch.Frequency);
        long[] next = [.. moves.Skip(1).Select(move => move.Left - underWay), long.MaxValue];
        int late = moves.Zip(next, (move, until) => stream.Record.LostBetween(move.Done, until)).Sum();
        _run.CheckTime("what is sent when the tables are up to date arrives", "0 lost", $"{late} lost", late == 0);
    }

    /// <returns>The figures, in words.</returns>
    private string RecordUpdates(List<Update> moves)
    {
        double[] times = [.. moves.Select(move => move.Time.TotalMilliseconds)];
        double median = Statistic.Median(times);
        double mods = Statistic.Median([.. moves.Select(move => (double)move.FlowMods)]);
        _run.Record(TwarenMeasures.Update, median);
        _run.Record(TwarenMeasures.SlowestUpdate, times.Max());
        _run.Record(TwarenMeasures.FlowMods, mods);
        _run.Result.Add(new LineChart(
            "VM-S's moves", new Axis("move"), new Axis(TwarenMeasures.Update.What),
            [new Series("update", [.. times.Select((time, i) => (i + 1.0, time))])]));
        return $"update {median:0.00} ms (median), {times.Max():0.00} ms (longest), {mods:0} flow-mods (median)";
    }

    /// <summary>VM-S goes to another campus, and the tables follow.</summary>
    private Update Move(int campus)
    {
        int left = _lab.Moved.Current;
        IReadOnlyList<StaticFlow> next = FlowsAt(campus);
        (IReadOnlyList<StaticFlow> gone, IReadOnlyList<StaticFlow> come) = TwarenCampusFlows.Compare(_flows, next);
        _lab.Moved.Prepare(campus);
        long flowMods = _run.CountFlowMods();
        StaticFlow[] early = [];
        if (_run.Get(TwarenParameters.MakeBeforeBreak))
        {
            // Not where packets to the old campus pass.
            HashSet<ulong> inUse = [.. _lab.Tunnels.Way(0, left).SelectMany(SwitchesOf)];
            ulong[] own = SwitchesOf(campus);
            early = [.. come.Where(flow => own.Contains(flow.Switch) && !inUse.Contains(flow.Switch))];
            Send([], early);
            if (HasBarriers)
            {
                _run.Settle(Connections(early.Select(flow => flow.Switch)));
            }
            come = [.. come.Except(early)];
        }
        long leaving = Stopwatch.GetTimestamp();
        _lab.Moved.MoveTo(campus);
        long arrived = Stopwatch.GetTimestamp();
        ulong[] told = [.. _lab.Controllers.SelectMany(controller => controller.ForgetArp(TwarenLab.Moved.HardwareAddress))];
        Send(gone, come);
        long done = Stopwatch.GetTimestamp();
        long answered = _run.Settle(Connections(told.Concat(gone.Concat(come).Concat(early).Select(flow => flow.Switch))));
        var update = new Update(leaving, arrived, HasBarriers ? answered : done, _run.CountFlowMods() - flowMods);
        _run.Say($"VM-S is in campus {campus + 1}, {update.FlowMods} flow-mods, {update.Time.TotalMilliseconds:0.00} ms", update.Done);
        _flows = next;
        _lab.Moved.Announce();
        return update;
    }

    private void MeasureTrips()
    {
        int last = _lab.Tunnels.Campuses - 1;
        if (_lab.Moved.Current != last)
        {
            Move(last);
        }
        double home = MeasureTrip(_lab.Neighbour);
        string found = $"{home:0.00} ms to R at home";
        _run.Record(TwarenMeasures.HomeTrip, home);
        if (ReachesPeer)
        {
            double peer = MeasureTrip(_lab.PeerHost);
            found += $", {peer:0.00} ms to P in campus 2";
            _run.Record(TwarenMeasures.PeerTrip, peer);
        }
        _run.Figure($"round trip of VM-S in campus {last + 1}", "none given", found);
    }

    /// <returns>The median in milliseconds.</returns>
    private double MeasureTrip(LabHost to)
    {
        TwarenSteps.Reach(_run, _lab.Moved, to.Address, $"{to.Name} from the last campus");
        PingStream pings = _run.Own(PingStream.Start(_lab.Moved, to, _run.Get(TwarenParameters.Pings)));
        _run.Wait(TripTime);
        return pings.Stop().MedianDelay.TotalMilliseconds;
    }

    /// <summary>The tables are those that VM-S's place asks for, with nothing of the places before.</summary>
    private void JudgeTables()
    {
        int devices = _run.Lab.Switches.Count();
        int right = _run.Lab.Switches.Count(device =>
        {
            int found = TwarenSteps.CountEntries(device, _insertion, match => !IsArpTo(match));
            return _insertion == Insertion.Proactive ? found == Wanted(device) : found <= Wanted(device);
        });
        _run.Check(
            _insertion == Insertion.Proactive
                ? "every switch has all entries of Figures 5 and 6 for where VM-S is, and no others of a file"
                : "no switch has more entries of Figures 5 and 6 than there are for where VM-S is",
            $"{devices} switches", $"{right} switches", right == devices);
        TwarenSteps.JudgeRefusals(_run, _lab.Controllers);
    }

    // Of a host on an access switch, which no file has.
    private static bool IsArpTo(FlowMatch match) => match.DlType == EtherType.Arp && match.DlSrc == default && !match.DlDst.IsMulticast;

    private int Wanted(LabSwitch device) => _fixed.Concat(_flows).Count(flow => flow.Switch == device.DatapathId);

    private static ulong[] SwitchesOf(int campus) => [TwarenCampusFlows.AggregationId(campus), TwarenCampusFlows.AccessId(campus)];

    private IReadOnlyList<StaticFlow> FlowsAt(int campus) =>
        TwarenCampusFlows.ForMachine(_lab.Tunnels, TwarenLab.Moved, campus, TwarenLab.MachinePort);

    private void Send(IReadOnlyList<StaticFlow> gone, IReadOnlyList<StaticFlow> come)
    {
        ILookup<int, StaticFlow> goneOf = gone.ToLookup(ControllerOf);
        ILookup<int, StaticFlow> comeOf = come.ToLookup(ControllerOf);
        foreach (int controller in goneOf.Select(group => group.Key).Union(comeOf.Select(group => group.Key)).Order())
        {
            _lab.Controllers[controller].Change(goneOf[controller], comeOf[controller], _insertion);
        }
    }

    private static int ControllerOf(StaticFlow flow) => TwarenCampusFlows.AccessCampusOf(flow.Switch) is { } campus ? campus + 1 : 0;

    /// <param name="datapathIds">Null for all.</param>
    private IEnumerable<SwitchConnection> Connections(IEnumerable<ulong>? datapathIds)
    {
        HashSet<ulong>? chosen = datapathIds?.ToHashSet();
        return _lab.Controllers.SelectMany(controller => controller.Switches)
            .Where(connection => chosen == null || chosen.Contains(connection.DatapathId));
    }

    private int CountArrived() => _lab.Controllers.Sum(controller =>
        controller.Arrived.Count(packet => packet.Source == TwarenLab.Moved.Address || packet.Destination == TwarenLab.Moved.Address));

    private void AwaitMore(UdpStream stream)
    {
        int known = stream.Record.Received;
        _run.WaitUntil(() => stream.Record.Received > known + PacketsAfter, $"W's packets reach VM-S in campus {_lab.Moved.Current + 1}");
    }

    /// <summary>A move. Times are Stopwatch.GetTimestamp's.</summary>
    /// <param name="Left">When VM-S was about to leave.</param>
    /// <param name="Arrived">When it was there.</param>
    /// <param name="Done">When the tables were up to date.</param>
    private sealed record Update(long Left, long Arrived, long Done, long FlowMods)
    {
        public TimeSpan Time => Stopwatch.GetElapsedTime(Arrived, Done);
    }
}
