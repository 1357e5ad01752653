using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Victor;

/// <summary>The VM's way from FE1 to FE3 and back again, several times, while it is pinged and pings.</summary>
internal sealed class VictorHandoffs
{
    private const int MostLost = 2; // "1 to 2 packets are lost during the handoff" (§5)

    private readonly ScenarioRun _run;
    private readonly VictorLab _lab;
    private readonly int _pingsPerSecond;
    private readonly bool _usesBarriers;
    private readonly FrameCount[] _announcements; // the VM's, or its hypervisor's, by place
    private readonly WireTap _correspondent;
    private readonly FrameCount _requests; // of the correspondent's pings
    private readonly FrameCount _answers;
    private readonly List<VictorMove> _moves = [];
    private int _silentToOwn; // pauses in which the guest's own pings had no answer

    public VictorHandoffs(ScenarioRun run, VictorLab lab)
    {
        _run = run;
        _lab = lab;
        _pingsPerSecond = run.Get(VictorParameters.Pings);
        _usesBarriers = run.Get(VictorParameters.Barriers);
        _announcements = [.. new[] { 0, 1 }.Select(place => run.Tap(lab.Mobile, place).Count(
            "announcements", (in frame) => frame.IsOutgoing && frame.Type is EtherType.Arp or EtherType.Rarp))];
        Be32 mobile = lab.Mobile.Address;
        _correspondent = run.Tap(lab.Correspondent, lab.Correspondent.CurrentInterface);
        _requests = _correspondent.Count("pings", (in frame) => frame.IsEchoRequest && frame.NetworkDestination == mobile);
        _answers = _correspondent.Count("answers", (in frame) => frame.IsEchoReply && frame.NetworkSource == mobile);
    }

    public void Run()
    {
        Rehearse();
        PingStream[] streams = StartPings();
        GuestPings? own = _lab.Mobile is LabMachine guest ? GuestPings.Start(guest, _lab.Correspondent, _pingsPerSecond) : null;
        _run.WaitUntil(() => streams.All(stream => stream.Record.Received > 10), "pings are answered before the first handoff");
        int handoffs = _run.Get(VictorParameters.Moves);
        for (int i = 0; i < handoffs; i++)
        {
            Pause();
            _moves.Add(Move(place: (i + 1) % 2));
            AwaitAnswers(streams, own);
            if (i == 0 && _usesBarriers)
            {
                _run.WaitUntil(() => _lab.Stationary.FindNeighbour(_lab.Mobile.Address) == VictorLab.RouterAddress, "the old subnet has the router's address for the VM");
                CompareWithTable();
            }
        }
        Pause();
        long end = Stopwatch.GetTimestamp();
        foreach (PingStream stream in streams)
        {
            Judge(stream, stream.Stop(), end);
        }
        if (own != null)
        {
            Judge(own);
        }
        JudgeUpdates(streams[0].Record);
        Record(streams[0], streams[^1], end);
        KeepMigrations(streams[0], end);
        AddCharts(streams);
        // Away from its home subnet for the checks that need a tunnel.
        if (_lab.Mobile.Current == 0)
        {
            Move(place: 1);
        }
    }

    /// <summary>There and back once: what is measured is the switch and the controller, not the compiler that sees them for the first time.</summary>
    private void Rehearse()
    {
        _run.Say("rehearsal");
        Move(place: 1);
        Move(place: 0);
    }

    /// <summary>To a moment that has nothing to do with the pings', so that handoffs are samples.</summary>
    private void Pause() => _run.Wait(TimeSpan.FromMilliseconds(_run.Get(VictorParameters.Pause)) + (_run.Random.NextDouble() * Interval));

    /// <summary>A machine that does other things may have no time for any in a pause.</summary>
    private void AwaitAnswers(PingStream[] streams, GuestPings? own)
    {
        long since = _moves[^1].Change.DoneAt;
        _run.Await(() => streams.All(stream => stream.Record.HasArrivedSince(since))); // or is judged not to
        if (own != null)
        {
            int known = own.CountAnswers();
            _silentToOwn += _run.Await(() => own.CountAnswers() > known) ? 0 : 1;
        }
    }

    private TimeSpan Interval => TimeSpan.FromSeconds(1.0 / _pingsPerSecond);

    private PingStream[] StartPings()
    {
        PingStream there = Ping(_lab.Correspondent, _lab.Mobile);
        PingStream near = Ping(_lab.Stationary, _lab.Mobile);
        return _lab.Mobile is LabHost mobile ? [there, Ping(mobile, _lab.Correspondent), near] : [there, near];
    }

    private PingStream Ping(LabHost from, IMobileHost to) =>
        _run.Own(PingStream.Start(from, to, _pingsPerSecond, _run.Get(VictorParameters.Size) - PingStream.HeaderLength));

    private VictorMove Move(int place)
    {
        int known = _lab.Controller.Changes.Count;
        HostMove move = _run.Move(
            _lab.Mobile, place, $"handoff: the VM leaves {(place == 1 ? "FE1 for FE3" : "FE3 for FE1")}", _lab.Mobile.Announce,
            () => _lab.Controller.Changes.Count > known, "all elements have the new binding");
        long announced = move.Arrived;
        if (move.Figures != null)
        {
            _run.Tap(_lab.Mobile, place).Drain();
            announced = _announcements[place].FirstAfter(move.Left) ?? throw new TestbedException("the VM's arrival is registered, but nothing announced it");
        }
        _run.Say(move.Figures == null ? "the VM broadcasts an ARP" : "the VM's arrival is announced", announced);
        return new VictorMove(move, announced, _lab.Controller.Changes[known]);
    }

    /// <summary>With the VM at FE3 and the others where the paper has them, FE2's table must have the paper's entries for them.</summary>
    private void CompareWithTable()
    {
        string[] printed = [.. FlowFile.Read("victor/table1.flows", ("NEXT-HOP", $"{VictorLab.RouterAddress}"))
            .Select(flow => $"{Ipv4Text.Format(Be32.FromHost(flow.Match.NwDst))} to {flow.Actions[^1].Port + 1}").Order()];
        string[] named = [.. printed.Select(entry => entry.Split(' ')[0])];
        bool hasOthers = _run.Get(VictorParameters.Hosts) > 0;
        string[] made = [.. _lab.Second.TakeSnapshot().Flows
            .Where(flow => flow.Match.Contains("nw_dst=", StringComparison.Ordinal) && (!hasOthers || named.Contains(flow.Match.Split("nw_dst=")[^1])))
            .Select(flow => $"{flow.Match.Split("nw_dst=")[1]} to {flow.Actions.Split("output:")[1]}").Order()];
        _run.Check("with the VM at FE3 the controller has made Table 1 on FE2, ports counted from 1", string.Join(", ", printed), string.Join(", ", made), printed.SequenceEqual(made));
    }

    /// <param name="end">When the pause after the last handoff was over.</param>
    private void Judge(PingStream stream, StreamSummary summary, long end)
    {
        int[] lost = [.. _moves.Select((_, i) => CountLost(stream, i, end))];
        _run.Result.Add(stream.Name, summary.ToJson());
        _run.Figure($"pings lost a handoff, {stream.Name}", "1 to 2", $"{string.Join(", ", lost)} (most {lost.Max()})");
        if (_moves.TrueForAll(move => move.Figures == null))
        {
            _run.CheckTime($"{stream.Name}: lost at each handoff", $"at most {MostLost}", string.Join(", ", lost), lost.Max() <= MostLost);
        }
        else
        {
            // While QEMU holds the guest all are lost, whatever the network does; what the network adds is the time until all know where it is.
            int[] due = [.. _moves.Select(move => (int)Math.Ceiling(Stopwatch.GetElapsedTime(move.Left, move.Change.DoneAt).TotalSeconds * _pingsPerSecond))];
            _run.CheckTime(
                $"{stream.Name}: lost beyond those sent from the guest's stop to the last table's update", $"at most {MostLost}",
                string.Join(", ", lost.Zip(due, (l, d) => $"{l} of {d}")), lost.Zip(due).All(pair => pair.First <= pair.Second + MostLost));
        }
        _run.CheckTime($"{stream.Name}: lost besides", "0", $"{summary.Lost - lost.Sum()}", summary.Lost == lost.Sum());
        int silent = _moves.Where((move, i) => !stream.Record.DelaysBetween(move.Change.DoneAt, i + 1 < _moves.Count ? _moves[i + 1].Left : end).Any()).Count();
        _run.Check(
            $"{stream.Name}: goes on after each handoff", "answers in every pause",
            $"{summary.Received} of {summary.Sent} answered, none in {silent} pauses", silent == 0);
    }

    /// <summary>Its clock stands while it does: what it loses is on the way when it stops, or answered before all know where it is.</summary>
    private void Judge(GuestPings own)
    {
        GuestPingSummary summary = own.Stop();
        int due = (int)Math.Ceiling(_moves.Max(move => Stopwatch.GetElapsedTime(move.Figures!.Resumed, move.Change.DoneAt).TotalSeconds) * _pingsPerSecond);
        _run.Figure($"pings lost, {own.Name} by its own clock", "1 to 2 a handoff", $"{summary.Lost} of {summary.Sent} in {_moves.Count} handoffs");
        _run.CheckTime(
            $"{own.Name}: most lost in a row, beyond those sent from the guest's going on to the last table's update", $"at most {MostLost}",
            $"{summary.LongestLoss} of {due}", summary.LongestLoss <= due + MostLost);
        _run.Check(
            $"{own.Name}: goes on after each handoff", "answers in every pause",
            $"{summary.Received} of {summary.Sent} answered, none in {_silentToOwn} pauses", _silentToOwn == 0);
    }

    private int CountLost(PingStream stream, int move, long end) => stream.Record.LostBetween(Begin(move), move + 1 < _moves.Count ? Begin(move + 1) : end);

    private long Begin(int move) => _moves[move].Left - (Stopwatch.Frequency / 20);

    private void JudgeUpdates(StreamRecord pings)
    {
        double[] times = [.. _moves.Select(move => move.Update.TotalMilliseconds)];
        int inTime = _moves.Count(move => move.Change.DoneAt < pings.SentAt(Math.Min(pings.FirstSentAfter(move.Announced) + 1, pings.Sent - 1)));
        string what = _usesBarriers ? "from the ARP to the binding on all elements" : "from the ARP until the binding is sent to all elements";
        _run.Figure(what, "none given", $"{times.Average():0.0} ms, at most {times.Max():0.0} ms");
        if (_usesBarriers)
        {
            _run.CheckTime(
                "all tables are updated before the second ping after the ARP", "at more than half of the handoffs",
                $"at {inTime} of {_moves.Count}, after {Statistic.Median(times):0.0} ms (median); pings every {Interval.TotalMilliseconds:0} ms", inTime > _moves.Count / 2);
        }
    }

    /// <param name="there">From another element: by the tunnel.</param>
    /// <param name="near">From FE1: by the tunnel while the VM is at FE3.</param>
    private void Record(PingStream there, PingStream near, long end)
    {
        double[] lost = [.. _moves.Select((_, i) => (double)CountLost(there, i, end))];
        long interval = (long)(Interval.TotalSeconds * Stopwatch.Frequency);
        _correspondent.Drain();
        (IReadOnlyList<long> requests, IReadOnlyList<long> answers) = (_requests.Times, _answers.Times);
        double[] interruptions = [.. _moves.Select(move => LongestWait(requests, answers, move.Left, move.Change.DoneAt + interval).TotalMilliseconds)];
        double[] updates = [.. _moves.Select(move => move.Update.TotalMilliseconds)];
        _run.Record(VictorParameters.MeanLost, lost.Average());
        _run.Record(VictorParameters.MostLost, lost.Max());
        _run.Record(VictorParameters.Interruption, Statistic.Median(interruptions));
        _run.Record(VictorParameters.LongestInterruption, interruptions.Max());
        if (_usesBarriers)
        {
            _run.Record(VictorParameters.Update, Statistic.Median(updates));
            _run.Record(VictorParameters.LongestUpdate, updates.Max());
            _run.Record(VictorParameters.FlowMods, Statistic.Median([.. _moves.Select(move => (double)move.FlowMods)]));
        }
        (double direct, double byTunnel) = (MedianRoundTrip(near.Record, place: 0, end), MedianRoundTrip(near.Record, place: 1, end));
        _run.Record(VictorParameters.DirectRoundTrip, direct);
        _run.Record(VictorParameters.TunnelRoundTrip, byTunnel);
        _run.Figure("round trip to the VM, medians", "none given", $"{direct:0.00} ms at the same element, {byTunnel:0.00} ms by the tunnel");
    }

    /// <summary>The longest wait for an answer, in part at least between these two: from the first request after an answer to the next answer.</summary>
    /// <remarks>By the kernel's time stamps of both: a thread of ours that sends or takes one late makes no interruption.</remarks>
    internal static TimeSpan LongestWait(IReadOnlyList<long> requests, IReadOnlyList<long> answers, long from, long to) => Stopwatch.GetElapsedTime(
        0,
        answers.Zip(answers.Skip(1)).Where(pair => pair.Second > from && pair.First < to)
            .Select(pair => pair.Second - requests.Where(time => time > pair.First && time < pair.Second).Append(pair.Second).First())
            .DefaultIfEmpty().Max());

    /// <summary>Of pings sent while the VM was at a place, and all knew it.</summary>
    private double MedianRoundTrip(StreamRecord pings, int place, long end)
    {
        var delays = new List<double>();
        for (int i = -1; i < _moves.Count; i++)
        {
            if ((i < 0 ? 0 : _moves[i].Place) == place)
            {
                long until = i + 1 < _moves.Count ? Begin(i + 1) : end;
                delays.AddRange(pings.DelaysBetween(i < 0 ? 0 : _moves[i].Change.DoneAt, until).Select(delay => delay.TotalMilliseconds));
            }
        }
        return Statistic.Median(delays);
    }

    private void KeepMigrations(PingStream stream, long end)
    {
        if (_lab.Mobile is LabMachine)
        {
            _run.Figure(
                "of a handoff, medians", "none given",
                $"{Median(move => (move.Left, move.Figures!.Resumed)):0} ms until the guest goes on, {Median(move => (move.Figures!.Resumed, move.Announced)):0} ms "
                + $"until its ARP, {Median(move => (move.Announced, move.Change.DoneAt)):0.0} ms until all tables have it");
        }
        for (int i = 0; i < _moves.Count; i++)
        {
            VictorMove move = _moves[i];
            if (move.Figures is { } figures)
            {
                _run.Result.Add(new ScenarioMigration(move.Place == 1 ? "FE1 to FE3" : "FE3 to FE1", figures)
                {
                    Update = move.Update,
                    FlowMods = move.FlowMods,
                    Lost = CountLost(stream, i, end),
                    PingGap = stream.Record.LongestGapBetween(Begin(i), i + 1 < _moves.Count ? Begin(i + 1) : end),
                });
            }
        }
    }

    private double Median(Func<VictorMove, (long From, long To)> part) => Statistic.Median(
        [.. _moves.Select(part).Select(part => Stopwatch.GetElapsedTime(part.From, part.To).TotalMilliseconds)]);

    private void AddCharts(PingStream[] streams)
    {
        _run.AddDelays("Round trip during the handoffs", "round trip", streams);
        _run.AddLosses("Pings lost", "pings", MostLost, streams);
    }

    /// <summary>A handoff. Times are Stopwatch.GetTimestamp's.</summary>
    /// <param name="Announced">When the first that told of its arrival was on the cable there.</param>
    private sealed record VictorMove(HostMove Move, long Announced, BindingChange Change)
    {
        public int Place => Move.Place;

        public long Left => Move.Left;

        public long FlowMods => Move.FlowMods;

        public MigrationFigures? Figures => Move.Figures;

        public TimeSpan Update => Stopwatch.GetElapsedTime(Announced, Change.DoneAt);
    }
}
