using System.Reflection;

namespace Softswitch.Hosting;

/// <summary>This program, to be started once more.</summary>
internal static class OwnProgram
{
    /// <summary>How it was started: by its own name, or as a library that dotnet runs.</summary>
    public static IReadOnlyList<string> Command { get; } = Path.GetFileName(Environment.ProcessPath) == "dotnet"
        ? [Environment.ProcessPath!, Assembly.GetEntryAssembly()!.Location]
        : [Environment.ProcessPath ?? "/proc/self/exe"];
}
