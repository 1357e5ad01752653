using System.Reflection;

namespace Softswitch.Lab;

/// <summary>What this program was built from.</summary>
internal static class SourceCommit
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>The checkout's commit, and whether files differ from it; without git, what the build noted.</summary>
    public static string Read()
    {
        string? root = FindCheckout(AppContext.BaseDirectory);
        if (root != null)
        {
            CommandResult commit = RunningCommand.Try("git", ["-C", root, "rev-parse", "HEAD"], Limit, CancellationToken.None);
            CommandResult changes = RunningCommand.Try("git", ["-C", root, "status", "--porcelain", "--untracked-files=no"], Limit, CancellationToken.None);
            if (commit.ExitCode == 0)
            {
                return commit.Output.Trim() + (changes.Output.Length > 0 ? " with changes" : string.Empty);
            }
        }
        string noted = typeof(SourceCommit).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? string.Empty;
        int plus = noted.IndexOf('+', StringComparison.Ordinal);
        return plus < 0 ? "unknown" : noted[(plus + 1)..];
    }

    private static string? FindCheckout(string folder)
    {
        DirectoryInfo? at = new(folder);
        while (at != null && !Path.Exists(Path.Combine(at.FullName, ".git")))
        {
            at = at.Parent;
        }
        return at?.FullName;
    }
}
