using System.Diagnostics;
using Softswitch.Lab;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>What goes on between the peer and the VM while it migrates: a TCP session, and UDP packets both ways that tell which were lost.</summary>
internal sealed class L3MigSessions : IDisposable
{
    /// <summary>UDP ports of the streams.</summary>
    public const ushort ToMachinePort = 4000;
    public const ushort FromMachinePort = 4001;

    private const ushort TcpPort = 5001;
    private const int FewPackets = 200; // a second
    private const double GuestRate = 250_000; // bytes a second, there and back

    private readonly TcpStream _tcp;
    private readonly UdpStream[] _udp; // the first to the VM

    // By emulation a guest on a busy machine loses packets that have reached it: what it loses is judged as times are.
    private readonly Action<string, string, string, bool> _checkLoss;
    private long _left;
    private long _watchedUntil;

    public L3MigSessions(ScenarioRun run, L3MigLab lab)
    {
        bool isGuest = run.Options.UsesGuests;
        double udpRate = isGuest ? FewPackets : run.Scale(1000, FewPackets);
        _checkLoss = isGuest ? run.CheckTime : run.Check;
        _tcp = run.Own(TcpStream.Start(lab.Peer, lab.Machine, TcpPort, isGuest ? GuestRate : L3MigScenario.SessionRate));
        UdpStream to = run.Own(UdpStream.Start(lab.Peer, lab.Machine, ToMachinePort, udpRate));
        // A guest sends back what comes: both ways are in the one stream.
        _udp = lab.Machine is LabHost machine ? [to, run.Own(UdpStream.Start(machine, lab.Peer, FromMachinePort, udpRate))] : [to];
        run.WaitUntil(() => _udp.All(stream => stream.Record.Received > 10) && lab.Central.Sessions == _udp.Length + 1, "the sessions run");
    }

    /// <summary>UDP packets to the VM that were lost at the move; after <see cref="JudgeEnd"/>, as <see cref="Stall"/>.</summary>
    public int Lost => LostAtMove(_udp[0]);

    /// <summary>The longest time around the move in which TCP brought nothing.</summary>
    public TimeSpan Stall => _tcp.LongestStallBetween(_left, _watchedUntil);

    /// <summary>Adds entries while the sessions run, and counts what that costs them.</summary>
    public void JudgeAdding(ScenarioRun run, Action add)
    {
        TimeSpan margin = TimeSpan.FromMilliseconds(run.Scale(500, 200));
        int sentAgain = _tcp.ReadRetransmissions();
        long from = Stopwatch.GetTimestamp();
        run.Wait(margin);
        add();
        run.Wait(margin);
        long to = Stopwatch.GetTimestamp();
        run.Wait(TimeSpan.FromMilliseconds(run.Scale(300, 300))); // what was sent last has its time to arrive
        int lost = _udp.Sum(stream => stream.Record.LostBetween(from, to));
        int sent = _udp.Sum(stream => stream.Record.FirstSentAfter(to) - stream.Record.FirstSentAfter(from));
        sentAgain = _tcp.ReadRetransmissions() - sentAgain;
        _checkLoss("adding the migration phase's entries costs the running sessions", $"0 of {sent} packets", $"{lost} lost", lost == 0 && sent > 0);
        if (run.Options.UsesGuests)
        {
            // An emulated guest acknowledges later than TCP waits, whatever the entries do.
            run.Figure("TCP segments sent again while the migration phase's entries were added", "none given", $"{sentAgain}");
            return;
        }
        run.CheckTime("adding the migration phase's entries: TCP segments sent again", "0", $"{sentAgain}", sentAgain == 0); // a machine that stalls for longer than TCP waits has some
    }

    /// <param name="left">When the VM left.</param>
    public void WatchMove(ScenarioRun run, long left)
    {
        _left = left;
        run.Wait(TimeSpan.FromMilliseconds(run.Scale(1000, 500)));
        _watchedUntil = Stopwatch.GetTimestamp();
    }

    public void JudgeEnd(ScenarioRun run)
    {
        foreach (UdpStream stream in _udp)
        {
            StreamSummary summary = stream.Stop();
            TimeSpan gap = stream.Record.LongestGapBetween(_left, _watchedUntil);
            run.Result.Add(stream.Name, summary.ToJson());
            run.Figure(
                $"around the move, {stream.Name}", "none given",
                $"{LostAtMove(stream)} packets lost, longest gap at the receiving program {gap.TotalMilliseconds:0.0} ms");
            bool goesOn = stream.Record.LostBetween(_watchedUntil - (Stopwatch.Frequency / 10), long.MaxValue) == 0;
            _checkLoss($"{stream.Name}: goes on at the new place", "0 lost", goesOn ? "0 lost" : $"{summary}", goesOn);
            int later = stream.Record.Sent - stream.Record.FirstSentAfter(_watchedUntil);
            int arrived = later - stream.Record.LostBetween(_watchedUntil, long.MaxValue);
            run.Check($"{stream.Name}: arrives at the new place", "some", $"{arrived} of {later}", arrived > 0);
        }
        int sentAgain = _tcp.ReadRetransmissions();
        TcpSummary tcp = _tcp.Stop();
        run.Figure(
            "TCP session across the migration", "none given",
            $"stall at the move {Stall.TotalMilliseconds:0} ms, {sentAgain} segments sent again in all");
        run.Check("the TCP session lives through the migration and every byte is right", "alive, 0 wrong", $"{tcp}", tcp.Failure == null && tcp.WrongBytes == 0 && tcp.Bytes > 0);
        AddCharts(run);
    }

    public void Dispose()
    {
        _tcp.Dispose();
        Array.ForEach(_udp, stream => stream.Dispose());
    }

    private int LostAtMove(UdpStream stream) => stream.Record.LostBetween(_left - (Stopwatch.Frequency / 20), _watchedUntil);

    private void AddCharts(ScenarioRun run)
    {
        long start = run.Result.Timeline.Start;
        TimeSpan interval = TimeSpan.FromMilliseconds(50);
        run.Result.Add(new LineChart(
            "Delay between peer and VM", new Axis("seconds"), new Axis("longest delay in 50 ms, ms"),
            [.. _udp.Select(stream => new Series(stream.Name, stream.Record.DelaySeries(start, interval)))], HasMarkers: false));
        run.Result.Add(new LineChart(
            "Packets lost between peer and VM", new Axis("seconds"), new Axis("packets lost in 50 ms"),
            [.. _udp.Select(stream => new Series(stream.Name, stream.Record.LossSeries(start, interval)))], HasMarkers: false));
        run.Result.Add(new LineChart(
            "TCP session", new Axis("seconds"), new Axis("Mbit/s in 50 ms"), [new Series("peer to VM", _tcp.RateSeries(start, interval))], HasMarkers: false));
    }
}
