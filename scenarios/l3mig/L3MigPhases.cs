using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>One of the draft's phases, as it was: from the order to the next phase's.</summary>
/// <param name="From">Stopwatch.GetTimestamp's, as <paramref name="To"/>.</param>
/// <param name="Took">From the controller's order to the last switch's confirmation.</param>
/// <param name="FlowMods">Flow-mods that the controllers sent in the phase.</param>
internal sealed record L3MigPhase(long From, long To, TimeSpan Took, long FlowMods);

/// <summary>A migration's three phases, and what they took.</summary>
internal sealed record L3MigPhases(L3MigPhase Before, L3MigPhase During, L3MigPhase After)
{
    public required TimeSpan CleanUp { get; init; }

    public required long CleanUpFlowMods { get; init; }

    public required L3MigOutage Outage { get; init; }

    /// <summary>From the first byte to the last; null where no size was said.</summary>
    public required TimeSpan? Copy { get; init; }

    public required L3MigMoved Moved { get; init; }

    /// <summary>From when on what was sent is the later phase's: what was under way when the VM left is lost by the move.</summary>
    public long SentAt(long boundary) => boundary == After.From ? Math.Max(During.From, boundary - L3MigSessions.UnderWay) : boundary;
}

/// <summary>Numbers that the phases give.</summary>
internal static class L3MigMeasures
{
    private const string OfCopy = "memory copy through six rewrites";
    private const string Interval = "up to one interval of the stream among it";

    public static readonly Measure BeforeTime = new(
        "pre_migration_median_ms", "pre-migration: from the order to the last confirmation (median), ms");
    public static readonly Measure DuringTime = new(
        "migration_median_ms", "migration: from the order to the last confirmation of the entries added (median), ms");
    public static readonly Measure AfterTime = new(
        "post_migration_median_ms", "post-migration: from when the controller hears of the VM to the last confirmation (median), ms");
    public static readonly Measure CleanUpTime = new(
        "clean_up_median_ms", "clean-up: from the order to the last confirmation (median), ms");
    public static readonly Measure CleanUpFlowMods = new("clean_up_median_flow_mods", "clean-up: flow-mods (median)");
    public static readonly Measure CopyTime = new("copy_median_s", "memory copy (median), s");
    public static readonly Measure CopyRate = new("copy_median_mbit_per_s", $"{OfCopy}, beside the migration's entries (median), Mbit/s");
    public static readonly Measure RewrittenRate = new(
        "copy_rewritten_median_mbit_per_s", $"{OfCopy}, alone, in turns with one without (median), Mbit/s");
    public static readonly Measure PlainRate = new("copy_plain_median_mbit_per_s", "the same copy without rewrites (median), Mbit/s");
    public static readonly Measure MtuRate = new("copy_mtu_mbit_per_s", $"{OfCopy}, in packets of the MTU, Mbit/s");
    public static readonly Measure WrongPackets = new("wrong_packets", "packets of the copy with a wrong checksum");
    public static readonly Measure VerifiedPackets = new("verified_packets", "packets of the copy verified");
    public static readonly Measure OutageTo = new(
        "outage_to_median_ms", $"from the VM's standstill to the first packet that reaches it, {Interval} (median), ms");
    public static readonly Measure OutageFrom = new(
        "outage_from_median_ms", $"from the VM's standstill to the first of its packets at the peer, {Interval} (median), ms");
    public static readonly Measure TcpStall = new("tcp_stall_max_ms", "post-migration: time in which TCP brings nothing (longest), ms");
    public static readonly Measure LostSessions = new("lost_sessions", "TCP sessions lost in all moves");
    public static readonly Measure Arps = new("arp_mean_packet_ins", "ARP frames that reach the controllers in a move (mean)");
    public static readonly Measure FloodPacketIns = new("flood_packet_ins", "ARP frames of the flood that reach the controller");
    public static readonly Measure FloodRefused = new("flood_refused_frames", "ARP frames of the flood counted beyond the limit of packet-ins");
    public static readonly Measure RewriteRate = new("rewrites_mpps", "64-byte frames through six rewrites on one core, Mpps");

    private static readonly PhaseMeasures Before = PhaseMeasures.Make("pre_migration", "pre-migration");
    private static readonly PhaseMeasures During = PhaseMeasures.Make("migration", "migration");
    private static readonly PhaseMeasures After = PhaseMeasures.Make("post_migration", "post-migration, from when the VM leaves");

    public static IReadOnlyList<Measure> All { get; } =
    [
        BeforeTime, DuringTime, AfterTime, CleanUpTime, CleanUpFlowMods, CopyTime, CopyRate, .. Before.All, .. During.All, .. After.All,
        OutageTo, OutageFrom, TcpStall, LostSessions,
        RewrittenRate, PlainRate, MtuRate, WrongPackets, VerifiedPackets, Arps, FloodPacketIns, FloodRefused, RewriteRate,
    ];

    /// <summary>The three phases' times and gaps, with the copy between them.</summary>
    public static IReadOnlyList<Measure> OfPhases { get; } =
    [
        BeforeTime, DuringTime, AfterTime, CleanUpTime, CopyTime, CopyRate,
        Before.GapTo, During.GapTo, After.GapTo, Before.GapFrom, During.GapFrom, After.GapFrom, OutageTo, OutageFrom,
    ];

    /// <summary>Figures that grow with the number of entries moved.</summary>
    public static IReadOnlyList<Measure> OfEntries { get; } =
    [
        AfterTime, OutageTo, OutageFrom, After.GapTo, After.GapFrom, After.Lost, TcpStall, DuringTime, CleanUpTime,
        During.FlowMods, After.FlowMods, CleanUpFlowMods,
    ];

    /// <summary>Keeps a run's: medians of times, the longest gaps, the losses of a move.</summary>
    /// <param name="sessions">Ended.</param>
    /// <param name="wires">Judged.</param>
    public static void Record(ScenarioRun run, IReadOnlyList<L3MigPhases> moves, L3MigSessions sessions, L3MigWires wires)
    {
        if (run.Get(L3MigParameters.Memory) is { } memory)
        {
            double seconds = Statistic.Median([.. moves.Select(move => move.Copy!.Value.TotalSeconds)]);
            run.Record(CopyTime, seconds);
            run.Record(CopyRate, memory * 8 / seconds);
        }
        bool isConfirmed = run.Get(L3MigParameters.Barriers);
        RecordMedian(run, CleanUpTime, moves.Where(_ => isConfirmed).Select(move => (TimeSpan?)move.CleanUp));
        run.Record(CleanUpFlowMods, Statistic.Median([.. moves.Select(move => (double)move.CleanUpFlowMods)]));
        RecordMedian(run, OutageTo, moves.Select(move => move.Outage.To));
        RecordMedian(run, OutageFrom, moves.Select(move => move.Outage.From));
        (Measure Time, PhaseMeasures Others, Func<L3MigPhases, L3MigPhase> Pick)[] phases =
            [(BeforeTime, Before, move => move.Before), (DuringTime, During, move => move.During), (AfterTime, After, move => move.After)];
        foreach ((Measure time, PhaseMeasures others, Func<L3MigPhases, L3MigPhase> pick) in phases)
        {
            L3MigPhase[] all = [.. moves.Select(pick)];
            RecordMedian(run, time, all.Where(_ => isConfirmed).Select(phase => (TimeSpan?)phase.Took));
            run.Record(others.FlowMods, Statistic.Median([.. all.Select(phase => (double)phase.FlowMods)]));
            run.Record(others.Lost, moves.Average(move => sessions.LostBetween(move.SentAt(pick(move).From), move.SentAt(pick(move).To))));
            run.Record(others.GapTo, all.Max(phase => wires.LongestGapTo(phase.From, phase.To).TotalMilliseconds));
            run.Record(others.GapFrom, all.Max(phase => wires.LongestGapFrom(phase.From, phase.To).TotalMilliseconds));
        }
    }

    private static void RecordMedian(ScenarioRun run, Measure measure, IEnumerable<TimeSpan?> times)
    {
        double[] known = [.. times.Where(time => time != null).Select(time => time!.Value.TotalMilliseconds)];
        if (known.Length > 0)
        {
            run.Record(measure, Statistic.Median(known));
        }
    }

    private sealed record PhaseMeasures(Measure FlowMods, Measure GapTo, Measure GapFrom, Measure Lost)
    {
        public IReadOnlyList<Measure> All => [FlowMods, GapTo, GapFrom, Lost];

        public static PhaseMeasures Make(string name, string phase) => new(
            new($"{name}_median_flow_mods", $"{phase}: flow-mods (median)"),
            new($"{name}_gap_to_max_ms", $"{phase}: gap of UDP to the VM within the phase, {Interval} (longest), ms"),
            new($"{name}_gap_from_max_ms", $"{phase}: gap of UDP from the VM within the phase, {Interval} (longest), ms"),
            new($"{name}_lost_mean_packets", $"{phase}: UDP packets lost in a move, both ways (mean)"));
    }
}
