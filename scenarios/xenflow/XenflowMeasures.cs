
namespace Softswitch.Scenarios.Xenflow;

/// <summary>What a run finds, and the paper's figures that are drawn of it.</summary>
internal static class XenflowMeasures
{
    // Of moves and trials in the plural: the mean of a run's at one rate and size, but for what is the longest.
    public static readonly Measure Lost = new("lost_mean_packets", "UDP packets lost in a move (mean)");
    public static readonly Measure LostStill = new("still_lost_mean_packets", "UDP packets lost in as long while nothing moves (mean)");
    public static readonly Measure Blocked = new("blocked_mean_ms", "suspension: packets lost in a move, as time (mean), ms");
    public static readonly Measure Total = new("total_mean_ms", "from the order to move to the last confirmation (mean), ms");
    public static readonly Measure Duplicates = new("duplicate_mean_packets", "UDP packets that come twice in a move (mean)");
    public static readonly Measure Reordered = new("reordered_mean_packets", "UDP packets out of order in a move (mean)");
    public static readonly Measure Silence = new("gap_max_ms", "time between two arrivals (longest), ms");
    public static readonly Measure Delay = new("delay_max_ms", "time from sender to receiver (longest), ms");
    public static readonly Measure Offered = new(
        "offered_mean_pps", "UDP packets offered, with the generator's pauses (mean), packets a second");
    public static readonly Measure PacketIns = new("unmatched_mean_packets", "UDP packets without an entry, at the controller (mean)");
    public static readonly Measure Repeats = new("repeated_trials", "trials made again for loss to overload, with rate=auto");
    public static readonly Measure HighestRate = new("highest_rate_pps", "highest rate without loss, packets a second");
    public static readonly Measure MemoryRate = new("memory_mpps", "64-byte frames on one core while entries come and go, Mpps");
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
            Settings = ["part=rates", "duration=2"], Repeat = 3,
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
