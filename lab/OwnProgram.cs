using System.Security.Cryptography;

namespace Softswitch.Lab;

/// <summary>This program, to be started once more.</summary>
internal static class OwnProgram
{
    /// <summary>How it was started: by its own name, or as a library that dotnet runs. Tests have it beside them.</summary>
    public static IReadOnlyList<string> Command { get; } = Path.GetFileName(Environment.ProcessPath) == "dotnet"
        ? [Environment.ProcessPath!, Path.Combine(AppContext.BaseDirectory, "softswitch.dll")]
        : [Environment.ProcessPath ?? "/proc/self/exe"];

    /// <summary>Tells one build from another, also where their version and commit are the same; builds of the same sources in the same place are alike.</summary>
    public static string ReadBuild()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*oftswitch*.dll").Order(StringComparer.Ordinal))
        {
            hash.AppendData(File.ReadAllBytes(file));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 6));
    }
}
