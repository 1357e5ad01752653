using System.Diagnostics;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Mat;

/// <summary>The mobile node's moves under streams to it, and what they cost.</summary>
internal sealed class MatMoves
{
    private const double TcpBytesPerSecond = 1_000_000;
    private const double MostUpdateMilliseconds = 10;
    private const double MostGapBesides = 5;
    private const ushort UdpPort = 4001;
    private const ushort TcpPort = 4002;
    private const int EnoughToBegin = 100;

    private readonly ScenarioRun _run;
    private readonly MatLab _lab;
    private readonly UdpStream _udp;
    private readonly TcpStream _tcp;
    private readonly PingStream? _pings;
    private readonly MatWires _wires;
    private readonly List<MatMove> _moves = [];

    /// <summary>Starts the streams.</summary>
    public MatMoves(ScenarioRun run, MatLab lab)
    {
        _run = run;
        _lab = lab;
        _wires = new MatWires(run, lab, Math.Min(lab.Places.Count, 1 + lab.Mobile.Current + run.Get(Count) + 1));
        double perSecond = run.Get(Rate);
        int capacity = Math.Max(1 << 20, (int)(perSecond * (2 * run.Get(Count) + 60)));
        int length = run.Get(Size) - UdpStream.HeaderLength;
        _udp = run.Own(UdpStream.Start(lab.Correspondent, lab.Mobile, UdpPort, perSecond, length, capacity: capacity));
        _pings = run.Get(Pings) > 0 ? run.Own(PingStream.Start(lab.Correspondent, lab.Mobile, run.Get(Pings))) : null;
        _tcp = run.Own(TcpStream.Start(lab.Correspondent, lab.Mobile, TcpPort, TcpBytesPerSecond));
        run.WaitUntil(() => _udp.Record.Received > Math.Min(EnoughToBegin, perSecond / 10), "the stream arrives");
    }

    public static Parameter<int> Count { get; } = Parameter.Whole("moves", "measured moves, a second apart", 6, 1, 200, small: 2);

    // A guest's go there and back, with emulation in between.
    public static Parameter<int> Rate { get; } = Parameter.Whole(
        "rate", "UDP packets a second from the correspondent to the mobile node", 1000, 10, 20_000, unit: "pps", guest: 200);

    public static Parameter<int> Size { get; } = Parameter.Whole(
        "size", "length of the UDP packets' Ethernet frames, without FCS", 64 + UdpStream.HeaderLength, 60, 1514, unit: "bytes");

    public static Parameter<int> Pings { get; } = Parameter.Whole(
        "pings", "pings a second from the correspondent to the mobile node; 0 for none", 0, 0, 100, unit: "pps", guest: 100);

    public static Measure UpdateMedian { get; } = new("update_median_ms", "from the RARP to the last barrier's reply (median), ms");

    public static Measure UpdateMost { get; } = new("update_max_ms", "from the RARP to the last barrier's reply (longest), ms");

    public static Measure Probe { get; } = new("probe_median_ms", "from the RARP to the answer to the probe (median), ms");

    public static Measure Writing { get; } = new("write_median_ms", "from the probe's answer to the last flow-mod sent (median), ms");

    public static Measure Confirming { get; } = new(
        "confirm_median_ms", "from the last flow-mod sent to the last barrier's reply (median), ms");

    public static Measure FirstPacket { get; } = new(
        "first_packet_median_ms", "from the RARP to the first packet with the new address from the correspondents' switch (median), ms");

    public static Measure Busy { get; } = new(
        "update_median_cpus", "processors that the lab keeps busy from the probe's answer to the last barrier's reply (median)");

    public static Measure Lost { get; } = new("lost_mean_packets", "UDP packets lost in a move (mean)");

    public static Measure Gap { get; } = new(
        "gap_median_ms", "longest time without a packet at the mobile node in a move (median), ms");

    public static Measure PingGap { get; } = new("ping_gap_median_ms", "longest time without a ping's answer in a move (median), ms");

    public static Measure TcpStall { get; } = new("tcp_stall_max_ms", "time in which TCP brings nothing (longest), ms");

    public static Measure FlowMods { get; } = new("update_median_flow_mods", "flow-mods of a move (median)");

    public static Measure OldAddress { get; } = new(
        "old_address_packets", "packets with the old address that left a switch after its barrier's reply");

    public static IReadOnlyList<Parameter> Parameters { get; } = [Rate, Size, Pings, Count];

    public static IReadOnlyList<Measure> Measures { get; } =
        [UpdateMedian, UpdateMost, Probe, Writing, Confirming, FirstPacket, Busy, Lost, Gap, PingGap, TcpStall, FlowMods, OldAddress];

    public UdpStream Udp => _udp;

    /// <summary>There and back once: what is measured is the switches and the controller, not the compiler that sees them for the first time.</summary>
    public static void Rehearse(ScenarioRun run, MatLab lab)
    {
        run.Say("rehearsal");
        Move(run, lab, place: 1);
        Move(run, lab, place: 0);
    }

    /// <summary>Moves through the networks, a second after whatever was before, and waits a second.</summary>
    public void Make(int count)
    {
        var pause = TimeSpan.FromMilliseconds(_run.Scale(1000, 400));
        for (int i = 0; i < count; i++)
        {
            // At any moment between two packets.
            _run.Wait(pause + TimeSpan.FromSeconds(_run.Random.NextDouble() / _run.Get(Rate)));
            _moves.Add(Move(_run, _lab, (_lab.Mobile.Current + 1) % _lab.Places.Count));
        }
        _run.Await(() => _udp.Record.HasArrivedSince(_moves[^1].Update.LastDoneAt)); // or is judged not to
        _run.Wait(pause);
    }

    /// <summary>Ends the streams and judges.</summary>
    public void End()
    {
        StreamSummary summary = _udp.Stop();
        TcpSummary connection = _tcp.Stop();
        _pings?.Stop();
        if (_run.Options.UsesGuests)
        {
            MatGuest.Judge(_run, _udp, _pings, _tcp, _moves);
        }
        else
        {
            JudgeUpdates();
            JudgeGaps(summary);
        }
        JudgeStreams(summary, connection);
        _run.Record(OldAddress, _wires.Judge(_run, _moves));
        RecordTimes();
        RecordStreams(connection);
    }

    public void AddCharts()
    {
        _run.AddDelays("Delay from the correspondent to the mobile node", "delay", _udp);
        _run.AddLosses("Packets lost", "packets", 10, _udp);
        _run.Result.Add(new LineChart(
            "TCP", new Axis("seconds"), new Axis("Mbit/s"),
            [new Series("TCP CN to MN", _tcp.RateSeries(_run.Result.Timeline.Start, TimeSpan.FromMilliseconds(100)))], HasMarkers: false));
    }

    private static MatMove Move(ScenarioRun run, MatLab lab, int place)
    {
        int known = lab.Controller.Updates.Count;
        long? announced = null;
        HostMove move = run.Move(
            lab.Mobile, place, $"the mobile node leaves {lab.Places[lab.Mobile.Current].Name} for {lab.Places[place].Name}", Announce,
            () => lab.Controller.Updates.Count > known, "all switches have the new address");
        MatUpdate update = lab.Controller.Updates[known];
        return new MatMove(move, announced ?? update.HeardAt, update);

        void Announce()
        {
            announced = run.Say("it sends a RARP");
            lab.Mobile.AnnounceByRarp();
        }
    }

    private void JudgeUpdates()
    {
        double[] times = [.. _moves.Select(move => move.UpdateMilliseconds)];
        string what = _run.Get(MatLab.Barriers) ? "the last barrier's reply" : "the last flow-mod written";
        double median = Statistic.Median(times);
        _run.Figure($"RARP to {what}", "to be evaluated", $"{median:0.0} ms (median of {times.Length}), at most {times.Max():0.0} ms");
        _run.CheckTime(
            $"from the RARP to {what}", $"at most {MostUpdateMilliseconds:0} ms (median of the moves)",
            $"{median:0.0} ms, {times.Max():0.0} ms at most", median <= MostUpdateMilliseconds);
    }

    private void JudgeGaps(StreamSummary summary)
    {
        int perSecond = _run.Get(Rate);
        var found = new List<string>();
        bool holds = true;
        foreach (MatMove move in _moves)
        {
            double controller = Stopwatch.GetElapsedTime(move.Announced, move.Update.LastDoneAt).TotalMilliseconds;
            double gap = LostAt(move) * 1000.0 / perSecond;
            holds &= gap <= controller + MostGapBesides;
            found.Add($"{gap:0} of {controller + MostGapBesides:0.0}");
        }
        int lostAtMoves = _moves.Sum(LostAt);
        _run.Figure(
            $"packets lost a move, of {perSecond:N0} a second", "to be evaluated (outage)", $"{lostAtMoves / (double)_moves.Count:0.0} on average");
        _run.CheckTime(
            "the gap in the numbers at the mobile node", $"the controller's time and {MostGapBesides:0} ms", $"{string.Join(", ", found)} ms", holds);
        _run.CheckTime("packets lost besides", "0", $"{summary.Lost - lostAtMoves}", summary.Lost == lostAtMoves);
    }

    private void JudgeStreams(StreamSummary summary, TcpSummary connection)
    {
        _run.Result.Add("udp", summary.ToJson());
        int learned = _moves.Count(move => move.Update.Home == MatLab.Home && move.Update.LearnedAt > move.Update.HeardAt);
        _run.Check(
            "the address was learned from the node's reply to the probe", "each time", $"{learned} of {_moves.Count}", learned == _moves.Count);
        long last = _moves[^1].Update.LastDoneAt;
        _run.Check(
            "the stream goes on after the last move", "packets arrive", $"{summary.Received} of {summary.Sent}", _udp.Record.HasArrivedSince(last));
        _run.Check(
            "the TCP connection survives and carries what was sent", "alive, 0 bytes wrong", connection.ToString(),
            connection.IsWhole);
        _run.Figure("TCP's longest stall", "none given", $"{connection.LongestStall.TotalMilliseconds:0} ms");
    }

    private void RecordTimes()
    {
        double[] updates = [.. _moves.Select(move => move.UpdateMilliseconds)];
        _run.Record(UpdateMedian, Statistic.Median(updates));
        _run.Record(UpdateMost, updates.Max());
        _run.Record(Probe, Median(update => Stopwatch.GetElapsedTime(update.HeardAt, update.LearnedAt)));
        _run.Record(Writing, Median(update => Stopwatch.GetElapsedTime(update.LearnedAt, update.WrittenAt)));
        if (_run.Get(MatLab.Barriers))
        {
            _run.Record(Confirming, Median(update => Stopwatch.GetElapsedTime(update.WrittenAt, update.LastDoneAt)));
            // Without barriers some are still to be carried out.
            _run.Record(FlowMods, Statistic.Median([.. _moves.Select(move => (double)move.Move.FlowMods)]));
        }
        _run.Record(Busy, Statistic.Median([.. _moves.Select(move => move.Update.BusyProcessors)]));
        _run.Record(FirstPacket, Statistic.Median([.. _moves.Select(move => _wires.FirstFrom(_lab.First, move).TotalMilliseconds)]));

        double Median(Func<MatUpdate, TimeSpan> time) => Statistic.Median([.. _moves.Select(move => time(move.Update).TotalMilliseconds)]);
    }

    private void RecordStreams(TcpSummary connection)
    {
        _run.Record(Lost, _moves.Average(LostAt));
        _run.Record(Gap, MedianGap(_udp.Record));
        if (_pings != null)
        {
            _run.Record(PingGap, MedianGap(_pings.Record));
        }
        _run.Record(TcpStall, connection.LongestStall.TotalMilliseconds);

        double MedianGap(StreamRecord stream) =>
            Statistic.Median([.. _moves.Select(move => stream.LongestGapBetween(move.Window.From, move.Window.To).TotalMilliseconds)]);
    }

    private int LostAt(MatMove move) => _udp.Record.LostBetween(move.Window.From, move.Window.To);
}
