using Softswitch.Hosting.Processes;
using Softswitch.Lab;
using Softswitch.OfAgent.Client;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Scenarios.L3Mig;
using Softswitch.Scenarios.Mat;
using Softswitch.Scenarios.Report;
using Softswitch.Scenarios.Twaren;
using Softswitch.Scenarios.Victor;
using Softswitch.Scenarios.Xenflow;

namespace Softswitch.Scenarios.Commands;

/// <summary>The scenarios there are, and how one is run.</summary>
internal static class ScenarioRunner
{
    /// <summary>In the order of <c>scenario all</c>.</summary>
    public static IReadOnlyList<Scenario> All { get; } = [new TwarenScenario(), new MatScenario(), new VictorScenario(), new L3MigScenario(), new XenflowScenario()];

    /// <summary>Runs one from an empty lab to the last figure; with <see cref="ScenarioOptions.Keep"/>, to the next signal.</summary>
    /// <param name="say">Takes lines for people, on any thread.</param>
    /// <param name="show">Takes the result, while the scenario is still there.</param>
    /// <exception cref="OperationCanceledException">Interrupted before the end; nothing is left.</exception>
    public static void Run(Scenario scenario, ScenarioOptions options, ParameterValues values, Action<string> say, Action<ScenarioResult> show, TerminationSignal signal)
    {
        using var run = new ScenarioRun(scenario, options, values, say, signal.Token);
        try
        {
            if (options.UsesGuests)
            {
                run.Say(scenario.WithGuests);
            }
            scenario.Run(run);
        }
        // What the kernel, a peer or the lab refuses is a scenario that did not pass, with its reason.
        catch (Exception e) when (e is TestbedException or PortException or SystemCallException or OfClientException or System.Net.Sockets.SocketException)
        {
            signal.Token.ThrowIfCancellationRequested();
            run.Result.Failure = e.Message;
        }
        run.Result.Drawing = run.Lab.Nodes.Count == 0 ? string.Empty : TopologyDrawing.Draw(run.Lab);
        show(run.Result);
        if (options.Keep)
        {
            Keep(run, say, signal);
        }
    }

    private static void Keep(ScenarioRun run, Action<string> say, TerminationSignal signal)
    {
        say("left running. To look around:");
        foreach (string line in run.Lab.DescribeAccess())
        {
            say($"  {line}");
        }
        say("Ctrl-C ends it.");
        signal.Token.WaitHandle.WaitOne();
    }
}
