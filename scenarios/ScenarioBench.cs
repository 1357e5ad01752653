using System.Text.Json.Nodes;
using Softswitch.Lab;
using Softswitch.Ports.Linux.Netlink;

namespace Softswitch.Scenarios;

/// <summary>Figures of one core from frames in memory, as <c>softswitch bench</c> measures them: hosts in namespaces do not make that many packets.</summary>
internal static class ScenarioBench
{
    /// <summary>64-byte frames a second at 1 Gbit/s, in millions.</summary>
    public const double LineRate = 1.488;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <param name="seconds">How long it measures, at small and at full scale.</param>
    /// <param name="arguments">Behind <c>softswitch bench</c>.</param>
    /// <exception cref="TestbedException">It found nothing that could be believed.</exception>
    public static JsonObject Run(ScenarioRun run, (double Small, double Full) seconds, params string[] arguments)
    {
        // The network it shares with us is a new one, where not even loopback is up; some benchmarks talk to themselves by it.
        using (NetlinkSocket links = NetlinkSocket.Open())
        {
            links.SetUp("lo");
        }
        string time = $"{(run.Options.Small ? seconds.Small : seconds.Full)}";
        ProgramRun made = ProgramRun.Of(["bench", .. arguments, "--seconds", time], Limit, run.Cancellation);
        return made.Said.ExitCode == 0 && made.Result is { } result
            ? result
            : throw new TestbedException($"bench {string.Join(' ', arguments)}: {made.Failure}");
    }

    /// <summary>Millions of packets a second that <c>bench pipeline</c> forwards.</summary>
    /// <param name="arguments">Behind <c>bench pipeline</c>.</param>
    public static double MeasurePipeline(ScenarioRun run, (double Small, double Full) seconds, params string[] arguments) =>
        Run(run, seconds, ["pipeline", .. arguments])["mpps"]!.GetValue<double>();

    /// <summary>Checks that rates of one core reach the line rate of 1 Gbit/s.</summary>
    public static void CheckLineRate(this ScenarioRun run, string how, params double[] rates) => run.CheckTime(
        $"64-byte frames at the line rate of 1 Gbit/s{how}", $"{LineRate:0.000} Mpps", $"{string.Join(" and ", rates.Select(rate => $"{rate:0.0}"))} Mpps",
        rates.All(rate => rate >= LineRate));
}
