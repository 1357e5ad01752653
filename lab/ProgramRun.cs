using System.Text.Json;
using System.Text.Json.Nodes;

namespace Softswitch.Lab;

/// <summary>A command of this program that was run in a process of its own: what it found is what it tells a person.</summary>
/// <param name="Result">The JSON object it printed; null if it printed none.</param>
internal sealed record ProgramRun(CommandResult Said, JsonObject? Result)
{
    /// <summary>The lines by which it complained; others say where it was.</summary>
    public IReadOnlyList<string> Complaints => [.. Lines.Where(line => line.StartsWith("softswitch", StringComparison.Ordinal))];

    /// <summary>Why there is no result, for people.</summary>
    public string Failure =>
        $"ended with exit code {Said.ExitCode}: {string.Join("; ", Complaints.Count > 0 ? Complaints : [.. Lines.TakeLast(1)])}";

    private string[] Lines => Said.Error.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <param name="arguments">All but <c>--json</c>.</param>
    /// <param name="limit">How long it may take.</param>
    /// <exception cref="OperationCanceledException">Cancelled; it has ended.</exception>
    public static ProgramRun Of(
        IEnumerable<string> arguments, TimeSpan limit, CancellationToken cancellation, IReadOnlyDictionary<string, string>? environment = null)
    {
        CommandResult said = RunningCommand.Try(
            SelfExecutable.Command[0], [.. SelfExecutable.Command.Skip(1), .. arguments, "--json"], limit, cancellation, environment);
        try
        {
            return new ProgramRun(said, JsonNode.Parse(said.Output) as JsonObject);
        }
        catch (JsonException)
        {
            return new ProgramRun(said, null);
        }
    }
}
