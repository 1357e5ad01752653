using Softswitch.Scenarios.Parameters;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>What a run finds, and the paper's figures that are drawn of it.</summary>
internal static class XenflowMeasures
{
    public static readonly Measure Lost = new("lost_packets", "packets lost in a move (mean of the run's)");
    public static readonly Measure LostStill = new("lost_still_packets", "packets lost in as long a time while nothing moves (mean)");
    public static readonly Measure Blocked = new("blocked_ms", "suspension by a move: packets lost, as time at the rate offered, ms (mean)");
    public static readonly Measure Total = new("total_ms", "time of a move from the selection of flows to the last confirmation, ms (mean)");
    public static readonly Measure Duplicates = new("duplicate_packets", "packets that came twice in a move (mean)");
    public static readonly Measure Reordered = new("reordered_packets", "packets out of order within their flow in a move (mean)");
    public static readonly Measure Silence = new("longest_silence_ms", "longest time between two arrivals at the receiver, ms");
    public static readonly Measure Delay = new("longest_delay_ms", "longest time a packet took from sender to receiver, ms");
    public static readonly Measure Offered = new("offered_pps", "packets offered a second, on average with the pauses of the generator");
    public static readonly Measure PacketIns = new("packet_ins", "packets that met no entry and went to the controller (mean of the run's trials)");
    public static readonly Measure Repeats = new("repeats", "trials of a move that were made again, as packets were lost though each met an entry");
    public static readonly Measure HighestRate = new("highest_rate_pps", "highest rate without loss while nothing moves, packets a second (of the size that is set)");
    public static readonly Measure MemoryRate = new("memory_rate_pps", "60-byte frames a second of 1,000 flows on one core from memory while entries come and go");
    public static readonly Measure Slice = new("slice_mbit_per_s", "band of the slice with a queue under overload, Mbit/s");

    private static readonly IReadOnlyList<string> Axes = ["rate=1000,2000,4000,8000,16000,32000", "size=60,1514", "make-before-break=on,off"];
    private static readonly IReadOnlyList<string> OnlyMoves = ["part=moves"];

    public static IReadOnlyList<Measure> All { get; } =
        [Lost, LostStill, Blocked, Total, Duplicates, Reordered, Silence, Delay, Offered, PacketIns, Repeats, HighestRate, MemoryRate, Slice];

    /// <summary>They have their runs in common: one folder serves all three.</summary>
    public static IReadOnlyList<PaperFigure> PaperFigures { get; } =
    [
        new("fig7", "suspension of packets by a move against their rate, for two sizes (Fig. 7)", Axes, [Blocked]) { Settings = OnlyMoves },
        new("fig8", "total time of a move against the rate of packets, for two sizes (Fig. 8)", Axes, [Total]) { Settings = OnlyMoves },
        new("fig9", "packets lost by a move against their rate, for two sizes (Fig. 9)", Axes, [Lost, LostStill]) { Settings = OnlyMoves },
        new(
            "saturation", "highest rate without loss over the size of packets, with the paper's links and without (§4)", ["size=60,128,256,512,1024,1514", "link-rate=auto,100"],
            [HighestRate]) { Settings = ["part=rates", "seconds=2"], Repeat = 3 },
    ];

    /// <summary>Keeps what trials of one kind found together.</summary>
    public static void Record(ScenarioRun run, IReadOnlyCollection<XenflowTrial> trials)
    {
        run.Record(Lost, trials.Average(trial => trial.Lost));
        run.Record(Blocked, trials.Average(trial => trial.BlockedMilliseconds));
        run.Record(Duplicates, trials.Average(trial => trial.Arrived.Duplicates));
        run.Record(Reordered, trials.Average(trial => trial.Arrived.Reordered));
        run.Record(Silence, trials.Max(trial => trial.Arrived.LongestSilenceNanoseconds) / 1e6);
        run.Record(Delay, trials.Max(trial => trial.Arrived.LongestNanoseconds) / 1e6);
        run.Record(Offered, trials.Average(trial => trial.OfferedPerSecond));
        run.Record(PacketIns, trials.Average(trial => trial.PacketIns));
        XenflowTrial[] moves = [.. trials.Where(trial => trial.Move != null)];
        if (moves.Length > 0)
        {
            run.Record(Total, moves.Average(trial => trial.Move!.Total.TotalMilliseconds));
        }
    }
}
