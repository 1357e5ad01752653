namespace Softswitch.Testing;

/// <summary>How a command ended and what it said.</summary>
/// <param name="Command">The command line, for messages.</param>
internal sealed record CommandResult(string Command, int ExitCode, string Output, string Error)
{
    /// <summary>Itself if the exit code is 0.</summary>
    /// <exception cref="InvalidOperationException">The command failed; the message carries everything it said.</exception>
    public CommandResult Checked() => ExitCode == 0
        ? this
        : throw new InvalidOperationException($"'{Command}' ended with {ExitCode}: {Error}{Output}");
}
