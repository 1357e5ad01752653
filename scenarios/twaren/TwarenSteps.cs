using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.Scenarios.Controllers;

namespace Softswitch.Scenarios.Twaren;

/// <summary>What the parts of the scenario have in common.</summary>
internal static class TwarenSteps
{
    private const double Slack = 30; // seconds that a busy machine may take longer
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(1);

    /// <summary>Returns when the switches have done all that the controllers sent them.</summary>
    /// <returns>When the last said so (Stopwatch.GetTimestamp).</returns>
    public static long Settle(ScenarioRun run, TwarenLab lab) => run.Settle(lab.Controllers.SelectMany(controller => controller.Switches));

    public static void JudgeRefusals(ScenarioRun run, IEnumerable<TwarenController> controllers)
    {
        Refusal[] refused = [.. controllers.SelectMany(controller => controller.Refusals)];
        run.Check("no switch has refused anything", "0", refused.Length == 0 ? "0" : string.Join<Refusal>(", ", refused), refused.Length == 0);
    }

    /// <summary>Pings until there is an answer.</summary>
    public static void Reach(ScenarioRun run, IMobileHost from, Be32 address, string what) =>
        run.WaitUntil(() => from.Ping(address, AskAgain) != null, $"{from.Name} reaches {what}");

    /// <summary>Sends one ping, and no other, and returns how long its answer took.</summary>
    public static TimeSpan PingOnce(IMobileHost from, Be32 address, string what) =>
        from.Ping(address, ScenarioRun.Patience) ?? throw new TestbedException($"{from.Name} has no answer from {what} to its first ping");

    /// <summary>VM-S pings VM-T; VM-T pings VM-S where that is a guest, whose pings are not timed from here.</summary>
    public static PingStream StartPings(ScenarioRun run, TwarenLab lab)
    {
        double perSecond = run.Get(TwarenParameters.Pings);
        return lab.MovedHost is LabHost moved ? PingStream.Start(moved, lab.TargetHost, perSecond) : PingStream.Start(lab.TargetHost, lab.MovedHost, perSecond);
    }

    /// <summary>As <see cref="ScenarioRun.Check"/>, of packets that are all to arrive: a load that is set may be too much.</summary>
    public static void CheckLoss(ScenarioRun run, string what, string wanted, string found, bool holds) =>
        run.Check(what, wanted, found, holds, isTime: TwarenParameters.LoadIsSet(run.Values));

    /// <summary>Packets that a UDP stream of so many seconds can have.</summary>
    public static int CapacityFor(double perSecond, double seconds) => (int)Math.Ceiling(perSecond * (seconds + Slack));

    /// <summary>Lets streams run as long as they are asked for.</summary>
    public static void WaitDuration(ScenarioRun run) => run.Wait(TimeSpan.FromSeconds(run.Get(TwarenParameters.Duration)));

    /// <summary>Bytes of payload of a UDP stream's packets.</summary>
    public static int PayloadOf(ScenarioRun run) => run.Get(TwarenParameters.Size) - UdpStream.HeaderLength;

    /// <summary>How many entries of a switch came in this way.</summary>
    /// <param name="filter">Which of them; null for all.</param>
    public static int CountEntries(LabSwitch device, Insertion? insertion, Func<FlowMatch, bool>? filter = null) => device.CountFlows(
        (in flow) => (insertion == null || flow.Cookie == (ulong)insertion) && (filter == null || filter(flow.Match)));
}
