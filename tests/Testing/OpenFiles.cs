using System.Globalization;

namespace Softswitch.Testing;

/// <summary>Where a file is open or mapped in this process.</summary>
internal static class OpenFiles
{
    /// <summary>How many descriptors of the same file there are, <paramref name="descriptor"/> among them.</summary>
    public static int CountDescriptors(int descriptor)
    {
        string inode = InodeOf(descriptor)!;
        return Directory.GetFiles("/proc/self/fd").Count(path => InodeOf(int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)) == inode);
    }

    /// <summary>How many mappings of a file there are.</summary>
    public static int CountMappings(int descriptor)
    {
        string inode = InodeOf(descriptor)!;
        return File.ReadLines("/proc/self/maps").Count(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, _, string its, ..] && its == inode);
    }

    /// <returns>Null for a descriptor that was closed meanwhile.</returns>
    private static string? InodeOf(int descriptor)
    {
        try
        {
            const string key = "ino:";
            return File.ReadLines($"/proc/self/fdinfo/{descriptor}").First(line => line.StartsWith(key, StringComparison.Ordinal))[key.Length..].Trim();
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            return null;
        }
    }
}
