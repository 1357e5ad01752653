using System.Diagnostics;
using Softswitch.Datapath.Flows;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Controllers;

namespace Softswitch.Scenarios.Mat;

/// <summary>Switches that hold as many translations as a large service would have.</summary>
internal static class MatHeld
{
    private const double MostModifyMilliseconds = 100;
    private const int Rounds = 5;
    private const int MostInAll = 1_000_000; // of memory for a lab's tables

    private const string AtFirst = "first";
    private const string AtAll = "all";

    public static Parameter<int> Translations { get; } = Parameter.Whole(
        "translations", "translations of other mobile nodes that are held while the node moves", 100_000, 10, 100_000, small: 2_000);

    public static Parameter<string> HeldBy { get; } = Parameter.Word(
        "held-by", "who holds them: the correspondents' switch, or every one", [AtFirst, AtAll]);

    public static Parameter<int> Modified { get; } = Parameter.Whole(
        "modified", "translations modified at a time, at the correspondents' switch; all that are held if those are fewer", 10_000, 1, 100_000,
        small: 1_000);

    public static Measure Adding { get; } = new(
        "add_s", "adding the translations to the switches that hold them, to the last barrier's reply, s");

    public static Measure Modifying { get; } = new("modify_median_ms", "modifying some of them, to the barrier's reply (median), ms");

    public static Measure LostMeanwhile { get; } = new(
        "held_lost_packets", "UDP packets lost while translations are added and modified");

    public static IReadOnlyList<Parameter> Parameters { get; } = [Translations, HeldBy, Modified];

    public static IReadOnlyList<Measure> Measures { get; } = [Adding, Modifying, LostMeanwhile];

    /// <summary>Why values do not go together; null if they do.</summary>
    public static string? FindObstacle(ParameterValues values)
    {
        int inAll = values.Get(HeldBy) == AtAll ? values.Get(Translations) * values.Get(MatLab.NetworkCount) : 0;
        return inAll > MostInAll
            ? $"{Translations.Key}, {MatLab.NetworkCount.Key}: {inAll:N0} in all with {HeldBy.Key}={AtAll}; a lab holds {MostInAll:N0}"
            : values.IsSet(Modified) && values.Get(Modified) > values.Get(Translations)
            ? $"{Modified.Key}: {values.Get(Modified)} cannot be modified of {values.Get(Translations)} {Translations.Key}"
            : null;
    }

    /// <summary>Adds them, and changes some, under the stream.</summary>
    public static void Hold(ScenarioRun run, MatLab lab, UdpStream udp)
    {
        int held = run.Get(Translations);
        int modified = Math.Min(run.Get(Modified), held);
        IReadOnlyList<LabSwitch> holders = run.Get(HeldBy) == AtAll ? lab.Switches : [lab.First];
        SwitchConnection[] connections = [.. holders.Select(one => lab.Controller.Find(one.DatapathId)!)];
        string who = string.Join(", ", holders.Select(one => one.Name));
        long start = Stopwatch.GetTimestamp();
        double adding = Stopwatch.GetElapsedTime(start, Send(run, connections, FlowModCommand.Add, held, 0)).TotalSeconds;
        run.Say($"{held} translations more are held by {who}");
        var times = new List<double>();
        for (int round = 1; round <= Rounds; round++)
        {
            long began = Stopwatch.GetTimestamp();
            long ended = Send(run, connections[..1], FlowModCommand.ModifyStrict, modified, round);
            times.Add(Stopwatch.GetElapsedTime(began, ended).TotalMilliseconds);
        }
        run.Say($"{modified} of them modified, five times");
        int flows = holders.Min(Count);
        run.Wait(TimeSpan.FromMilliseconds(run.Scale(500, 200)));
        int lost = udp.Record.LostBetween(start, Stopwatch.GetTimestamp() - (Stopwatch.Frequency / 10));
        run.Figure("translations held by a switch", "to be evaluated (scalability)", $"{flows}, added in {adding:0.00} s");
        string modify = $"modify of {modified} flows and barrier";
        run.Figure(modify, "none given", $"{Statistic.Median(times):0} ms (median of {Rounds}), at most {times.Max():0} ms");
        run.Check("translations held", $"{held}", $"{flows}", flows == held);
        run.CheckTime(modify, $"at most {MostModifyMilliseconds:0} ms", $"{times.Max():0} ms at most", times.Max() <= MostModifyMilliseconds);
        run.CheckTime("packets of the stream lost while they were added and modified", "0", $"{lost}", lost == 0);
        run.Record(Adding, adding);
        run.Record(Modifying, Statistic.Median(times));
        run.Record(LostMeanwhile, lost);
    }

    /// <summary>Flow-mods to each switch, while those before work, and then waits for all.</summary>
    /// <returns>When the last reply came.</returns>
    private static long Send(ScenarioRun run, SwitchConnection[] switches, FlowModCommand command, int count, int round)
    {
        foreach (SwitchConnection to in switches)
        {
            for (int i = 0; i < count; i++)
            {
                to.Send(MatFlows.Translation(i, command, 0x0a80_0000 + ((uint)round << 20)));
            }
            to.Flush();
        }
        return run.Settle(switches);
    }

    private static int Count(LabSwitch one) => one.CountFlows(static (in flow) => flow.Priority == MatFlows.Priority);
}
