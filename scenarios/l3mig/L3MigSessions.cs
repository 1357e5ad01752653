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

    private const ushort FurtherPort = 4100; // and one more for each further site
    private const ushort TcpPort = 5001;
    private const int PacketsOfRecord = 1 << 20;
    private const int SecondsOfRecord = 300; // at high rates; a run takes seconds
    private const double SessionRate = 1e6; // bytes a second
    private const double GuestRate = 250_000; // bytes a second, there and back

    /// <summary>Packets that are sent this long before the VM leaves may arrive after it left, and are lost by the move.</summary>
    public static readonly long UnderWay = Stopwatch.Frequency / 20;

    // On a busy machine.
    private static readonly TimeSpan LongestUnderWay = TimeSpan.FromSeconds(3);

    private readonly TcpStream _tcp;
    private readonly IReadOnlyList<UdpStream> _udp; // the first from the peer to the VM

    // By emulation a guest on a busy machine loses packets that have reached it: what it loses is judged as times are.
    private readonly bool _isLossTime;
    private readonly List<(long Left, long Until)> _moves = [];

    /// <param name="others">Sessions of the VM there are already.</param>
    public L3MigSessions(ScenarioRun run, L3MigLab lab, int others)
    {
        bool isGuest = run.Options.UsesGuests;
        // At other rates and sizes, over other ports or beside a copy at full speed the machine decides what is lost.
        _isLossTime = isGuest || !run.Values.AreDefault;
        _tcp = run.Own(TcpStream.Start(lab.Peer, lab.Machine, TcpPort, isGuest ? GuestRate : SessionRate));
        UdpStream to = Start(run, lab.Peer, lab.Machine, ToMachinePort);
        // A guest sends back what comes: both ways are in the one stream.
        UdpStream? from = lab.Machine is LabHost machine ? Start(run, machine, lab.Peer, FromMachinePort) : null;
        UdpStream[] further = [.. lab.Peers.Skip(1).Select((peer, i) => Start(run, peer, lab.Machine, (ushort)(FurtherPort + i)))];
        _udp = from == null ? [to, .. further] : [to, from, .. further];
        run.WaitUntil(() => _udp.All(stream => stream.Record.Received > 10) && lab.Central.Sessions == _udp.Count + 1 + others, "the sessions run");
    }

    /// <summary>Packets that a stream of this rate can send before it goes quiet.</summary>
    public static int CountRecords(double rate) => Math.Max(PacketsOfRecord, (int)(rate * SecondsOfRecord));

    /// <summary>UDP packets to the VM that were lost at moves; after <see cref="JudgeEnd"/>, as <see cref="Stall"/>.</summary>
    public int Lost => LostAtMoves(_udp[0]);

    /// <summary>The longest time around a move in which TCP brought nothing.</summary>
    public TimeSpan Stall => _moves.Max(move => _tcp.LongestStallBetween(move.Left, move.Until));

    /// <summary>UDP packets of all streams that were sent in this time and lost; after <see cref="JudgeEnd"/>.</summary>
    public int LostBetween(long from, long to) => _udp.Sum(stream => stream.Record.LostBetween(from, to));

    /// <summary>Adds entries while the sessions run, and counts what that costs them.</summary>
    /// <param name="isAdded">Whether there are any to add.</param>
    public void JudgeAdding(ScenarioRun run, bool isAdded, Action add)
    {
        if (!isAdded)
        {
            add();
            return;
        }
        TimeSpan margin = TimeSpan.FromMilliseconds(run.Scale(500, 200));
        int sentAgain = _tcp.ReadRetransmissions();
        long from = Stopwatch.GetTimestamp();
        run.Wait(margin);
        add();
        run.Wait(margin);
        long to = Stopwatch.GetTimestamp();
        run.Wait(TimeSpan.FromMilliseconds(run.Scale(300, 300))); // what was sent last has its time to arrive
        int lost = 0;
        run.Await(() => (lost = _udp.Sum(stream => stream.Record.LostBetween(from, to))) == 0, LongestUnderWay);
        int sent = _udp.Sum(stream => stream.Record.FirstSentAfter(to) - stream.Record.FirstSentAfter(from));
        sentAgain = _tcp.ReadRetransmissions() - sentAgain;
        run.Check(
            "adding the migration phase's entries costs the running sessions", $"0 of {sent} packets", $"{lost} lost", lost == 0 && sent > 0, _isLossTime);
        if (run.Options.UsesGuests)
        {
            // An emulated guest acknowledges later than TCP waits, whatever the entries do.
            run.Figure("TCP segments sent again while the migration phase's entries were added", "none given", $"{sentAgain}");
            return;
        }
        run.CheckTime("adding the migration phase's entries: TCP segments sent again", "0", $"{sentAgain}", sentAgain == 0); // a machine that stalls for longer than TCP waits has some
    }

    /// <param name="left">When the VM left.</param>
    /// <exception cref="TestbedException">As of <see cref="EnsureRunning"/>.</exception>
    public void WatchMove(ScenarioRun run, long left)
    {
        run.Wait(TimeSpan.FromMilliseconds(run.Scale(1000, 500)));
        _moves.Add((left, Stopwatch.GetTimestamp()));
        EnsureRunning();
    }

    /// <summary>Checks that the streams go on: one that has ended would have no gaps and no loss.</summary>
    /// <exception cref="TestbedException">A stream has sent all that it can.</exception>
    public void EnsureRunning()
    {
        if (_udp.FirstOrDefault(stream => stream.Record.Sent == stream.Record.Capacity) is { } quiet)
        {
            throw new TestbedException(
                $"{quiet.Name}: has sent {quiet.Record.Capacity} packets, for more there is no room: "
                + $"take less {L3MigParameters.Rate.Key}, {L3MigParameters.Memory.Key} or {L3MigParameters.MoveCount.Key}");
        }
    }

    public void JudgeEnd(ScenarioRun run)
    {
        EnsureRunning();
        long last = _moves[^1].Until;
        foreach (UdpStream stream in _udp)
        {
            run.Await(() => stream.Record.HasArrivedSince(last)); // or is judged not to
            StreamSummary summary = stream.Stop();
            TimeSpan gap = _moves.Max(move => stream.Record.LongestGapBetween(move.Left, move.Until));
            run.Result.Add(stream.Name, summary.ToJson());
            run.Figure(
                $"around the move, {stream.Name}", "none given",
                $"{LostAtMoves(stream)} packets lost, longest gap at the receiving program {gap.TotalMilliseconds:0.0} ms");
            bool goesOn = stream.Record.LostBetween(last - (Stopwatch.Frequency / 10), long.MaxValue) == 0;
            run.Check($"{stream.Name}: goes on at the new place", "0 lost", goesOn ? "0 lost" : $"{summary}", goesOn, _isLossTime);
            int later = stream.Record.Sent - stream.Record.FirstSentAfter(last);
            int arrived = later - stream.Record.LostBetween(last, long.MaxValue);
            run.Check($"{stream.Name}: arrives at the new place", "some", $"{arrived} of {later}", arrived > 0);
        }
        int sentAgain = _tcp.ReadRetransmissions();
        TcpSummary tcp = _tcp.Stop();
        run.Record(L3MigMeasures.TcpStall, Stall.TotalMilliseconds);
        run.Figure(
            "TCP session across the migration", "none given",
            $"stall at the move {Stall.TotalMilliseconds:0} ms, {sentAgain} segments sent again in all");
        run.Check("the TCP session lives through the migration and every byte is right", "alive, 0 wrong", $"{tcp}", tcp.IsWhole);
        AddCharts(run);
    }

    public void Dispose()
    {
        _tcp.Dispose();
        foreach (UdpStream stream in _udp)
        {
            stream.Dispose();
        }
    }

    private static UdpStream Start(ScenarioRun run, LabHost from, IMobileHost to, ushort port)
    {
        double rate = run.Get(L3MigParameters.Rate);
        int length = run.Get(L3MigParameters.Size) - UdpStream.HeaderLength;
        return run.Own(UdpStream.Start(from, to, port, rate, length, capacity: CountRecords(rate)));
    }

    private int LostAtMoves(UdpStream stream) => _moves.Sum(move => stream.Record.LostBetween(move.Left - UnderWay, move.Until));

    private void AddCharts(ScenarioRun run)
    {
        run.AddDelays("Delay between peer and VM", "delay", _udp);
        run.AddLosses("Packets lost between peer and VM", "packets", through: null, _udp);
        run.Result.Add(new LineChart(
            "TCP session", new Axis("seconds"), new Axis("Mbit/s in 50 ms"),
            [new Series("peer to VM", _tcp.RateSeries(run.Result.Timeline.Start, TimeSpan.FromMilliseconds(50)))], HasMarkers: false));
    }
}
