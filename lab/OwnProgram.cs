namespace Softswitch.Lab;

/// <summary>This program, to be started once more.</summary>
internal static class OwnProgram
{
    /// <summary>How it was started: by its own name, or as a library that dotnet runs. Tests have it beside them.</summary>
    public static IReadOnlyList<string> Command { get; } = Path.GetFileName(Environment.ProcessPath) == "dotnet"
        ? [Environment.ProcessPath!, Path.Combine(AppContext.BaseDirectory, "softswitch.dll")]
        : [Environment.ProcessPath ?? "/proc/self/exe"];
}
