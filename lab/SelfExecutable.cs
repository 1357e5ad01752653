using System.Security.Cryptography;

namespace Softswitch.Lab;

/// <summary>The programs beside this one: itself, to be started once more, and the switch's.</summary>
internal static class SelfExecutable
{
    /// <summary>Starts this program, which has the laboratory's commands.</summary>
    public static IReadOnlyList<string> Command { get; } = CommandOf("softswitch-lab");

    /// <summary>Starts the switch as users do.</summary>
    public static IReadOnlyList<string> Switch { get; } = CommandOf("softswitch");

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

    /// <summary>As this one was started: by its own name, or as a library that dotnet runs. Tests have both beside them.</summary>
    private static string[] CommandOf(string program)
    {
        string file = Path.Combine(AppContext.BaseDirectory, program);
        return Path.GetFileName(Environment.ProcessPath) == "dotnet" ? [Environment.ProcessPath!, $"{file}.dll"] : [file];
    }
}
