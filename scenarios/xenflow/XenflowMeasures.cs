using Softswitch.Scenarios.Parameters;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>What a run finds, and the paper's figures that are drawn of it.</summary>
internal static class XenflowMeasures
{
    // Of moves and trials in the plural: the mean of a run's at one rate and size, but for what is the longest.
    public static readonly Measure Lost = new("lost_packets", "packets lost in a move");
    public static readonly Measure LostStill = new("lost_still_packets", "packets lost in as long while nothing moves");
    public static readonly Measure Blocked = new("blocked_ms", "suspension: packets lost, as time, ms");
    public static readonly Measure Total = new("total_ms", "time of a move to its last confirmation, ms");
    public static readonly Measure Duplicates = new("duplicate_packets", "packets that came twice in a move");
    public static readonly Measure Reordered = new("reordered_packets", "packets out of order in a move");
    public static readonly Measure Silence = new("longest_silence_ms", "longest time between two arrivals, ms");
    public static readonly Measure Delay = new("longest_delay_ms", "longest time from sender to receiver, ms");
    public static readonly Measure Offered = new("offered_pps", "packets offered a second, with all pauses");
    public static readonly Measure PacketIns = new("packet_ins", "packets without an entry, to the controller");
    public static readonly Measure Repeats = new("repeats", "trials made again for loss to overload, with rate=auto");
    public static readonly Measure HighestRate = new("highest_rate_pps", "highest rate without loss, packets a second");
    public static readonly Measure MemoryRate = new("memory_rate_pps", "frames a second from memory, on one core");
    public static readonly Measure Slice = new("slice_mbit_per_s", "band of the slice under overload, Mbit/s");

    private static readonly IReadOnlyList<string> Axes =
        ["rate=1000,2000,4000,8000,16000,32000", "size=60,1514", "make-before-break=on,off"];

    private static readonly IReadOnlyList<string> OnlyMoves = ["part=moves"];

    public static IReadOnlyList<Measure> All { get; } =
        [Lost, LostStill, Blocked, Total, Duplicates, Reordered, Silence, Delay, Offered, PacketIns, Repeats, HighestRate, MemoryRate, Slice];

    /// <summary>The first three have their runs in common: one folder serves them all.</summary>
    public static IReadOnlyList<PaperFigure> PaperFigures { get; } =
    [
        new("fig7", "suspension by a move over the rate of packets (Fig. 7)", Axes, [Blocked]) { Settings = OnlyMoves },
        new("fig8", "total time of a move over the rate of packets (Fig. 8)", Axes, [Total]) { Settings = OnlyMoves },
        new("fig9", "packets lost in a move over their rate (Fig. 9)", Axes, [Lost, LostStill]) { Settings = OnlyMoves },
        new(
            "saturation", "highest rate without loss over the size of packets, with links as the paper's and without (§4)",
            ["size=60,128,256,512,1024,1514", "link-rate=auto,100"], [HighestRate])
        {
            Settings = ["part=rates", "seconds=2"], Repeat = 3,
        },
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
