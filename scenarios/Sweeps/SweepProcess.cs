using System.Diagnostics;
using System.Text.Json.Nodes;
using Softswitch.Lab;
using Softswitch.Lab.Linux;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Sweeps;

/// <summary>Makes runs, each in a process of its own: as a person types its command, and with nothing of the run before.</summary>
internal static class SweepProcess
{
    /// <summary>Set for a run: the sweep's process, with which it ends.</summary>
    private const string Owner = "SOFTSWITCH_SWEEP";

    // The longest take minutes.
    private static readonly TimeSpan Limit = TimeSpan.FromHours(1);

    /// <exception cref="OperationCanceledException">Interrupted; what ran has ended.</exception>
    public static SweepOutcome Run(SweepPlan plan, SweepPoint point, CancellationToken cancellation)
    {
        DateTime started = DateTime.UtcNow;
        long began = Stopwatch.GetTimestamp();
        var watch = new MachineWatch();
        ProgramRun run = ProgramRun.Of(
            ArgumentsOf(plan, point), Limit, cancellation, new Dictionary<string, string> { [Owner] = $"{Environment.ProcessId}" });
        Interference machine = watch.ReadMachine();
        TimeSpan duration = Stopwatch.GetElapsedTime(began);
        if (run.Said.ExitCode == Scenario.Interrupted)
        {
            // By the terminal's Ctrl-C, which comes to all at once.
            throw new OperationCanceledException(cancellation);
        }
        if (run.Result?["scenarios"]?[0] is JsonObject result)
        {
            return new SweepOutcome(result, null, machine, started, duration);
        }
        cancellation.ThrowIfCancellationRequested();
        return new SweepOutcome(null, run.Failure, machine, started, duration);
    }

    /// <summary>Has a run of a sweep end tidily when the sweep is killed. Does nothing in other runs. By the first thread.</summary>
    public static void EndWithOwner()
    {
        if (int.TryParse(Environment.GetEnvironmentVariable(Owner), out int owner))
        {
            ProcessSignal.TerminateWith(owner);
        }
    }

    /// <summary>What a person types behind <c>softswitch</c> for the same run.</summary>
    public static IReadOnlyList<string> ArgumentsOf(SweepPlan plan, SweepPoint point) =>
    [
        "scenario", plan.Scenario.Name, "--set", string.Join(',', point.Settings),
        .. plan.Options.Small ? (string[])["--small"] : [], .. plan.Options.UsesGuests ? (string[])["--vm"] : [],
    ];
}
