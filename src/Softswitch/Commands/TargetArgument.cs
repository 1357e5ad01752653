using System.CommandLine;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Commands;

/// <summary>TARGET, the running switch that a tool asks: <see cref="ControlSockets.Find"/> says which that is.</summary>
internal static class TargetArgument
{
    /// <summary>For a command that needs nothing else.</summary>
    public static Argument<string?> Alone() => new("target")
    {
        HelpName = "TARGET",
        Description = ControlSockets.TargetDescription,
        Arity = ArgumentArity.ZeroOrOne,
    };

    /// <summary>
    /// For a command that needs one thing more. The parser cannot tell which of two is left out, so they are one argument; <see
    /// cref="Split"/> parts them.
    /// </summary>
    /// <param name="form">What that looks like, for the help.</param>
    /// <param name="description">What it is.</param>
    public static Argument<string[]> Before(string form, string description) => new("target")
    {
        HelpName = $"[TARGET] {form}",
        Description = $"{form}: {description}. TARGET: "
            + $"{char.ToLowerInvariant(ControlSockets.TargetDescription[0])}{ControlSockets.TargetDescription[1..]}",
        Arity = new ArgumentArity(1, 2),
    };

    /// <param name="given">One or two words.</param>
    /// <param name="last">The last of them.</param>
    /// <returns>The target, null if there is none.</returns>
    public static string? Split(string[] given, out string last)
    {
        last = given[^1];
        return given.Length > 1 ? given[0] : null;
    }
}
