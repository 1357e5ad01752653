using System.Diagnostics;
using System.Text.Json;
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
        CommandResult said = RunningCommand.Try(
            OwnProgram.Command[0], [.. OwnProgram.Command.Skip(1), .. ArgumentsOf(plan, point), "--json"], Limit, cancellation,
            new Dictionary<string, string> { [Owner] = $"{Environment.ProcessId}" });
        Disturbance machine = watch.ReadMachine();
        TimeSpan duration = Stopwatch.GetElapsedTime(began);
        if (said.ExitCode == ScenarioCommand.Interrupted)
        {
            // By the terminal's Ctrl-C, which comes to all at once.
            throw new OperationCanceledException(cancellation);
        }
        try
        {
            JsonNode result = JsonNode.Parse(said.Output)!["scenarios"]![0]!;
            return new SweepOutcome(result.AsObject(), null, machine, started, duration);
        }
        catch (JsonException)
        {
            cancellation.ThrowIfCancellationRequested();
            return new SweepOutcome(null, FailureOf(said), machine, started, duration);
        }
    }

    /// <summary>Has a run of a sweep end tidily when somebody kills that; other runs it leaves alone. By the first thread.</summary>
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

    /// <summary>What a program that died said last; other lines say how far it was.</summary>
    private static string FailureOf(CommandResult said)
    {
        string[] lines = said.Error.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        string[] complaints = [.. lines.Where(line => line.StartsWith("softswitch", StringComparison.Ordinal))];
        return $"ended with exit code {said.ExitCode}: {string.Join("; ", complaints.Length > 0 ? complaints : lines.TakeLast(1))}";
    }
}
