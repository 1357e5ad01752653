using System.Globalization;

namespace Softswitch.Ports.Linux.Memory;

/// <summary>How much memory the process's control group leaves it: if it takes more, the kernel kills it without warning (cgroups(7)).</summary>
/// <remarks>Looks at the group and all those around it, of version 2 or 1. Threads: one at a time.</remarks>
internal sealed class MemoryLimit
{
    private const string Root = "/sys/fs/cgroup";

    // Bytes kept free: an eighth of the limit, and no more than this.
    private const long MostReserve = 32 << 20;
    private const int ReserveShare = 8;

    private readonly List<Group> _groups;

    private MemoryLimit(List<Group> groups) => _groups = groups;

    /// <summary>The tightest limit, in bytes.</summary>
    public long Bytes => _groups.Min(group => group.Limit);

    /// <returns>Null if there is no limit.</returns>
    public static MemoryLimit? Find()
    {
        List<Group> groups = [];
        try
        {
            foreach (string line in File.ReadLines("/proc/self/cgroup")) // 0::/system.slice/softswitch.service, 4:memory:/softswitch
            {
                if (line.Split(':', 3) is [_, var controllers, var path] && (controllers.Length == 0 || controllers.Split(',').Contains("memory")))
                {
                    bool isSecond = controllers.Length == 0;
                    AddLimits(groups, isSecond ? Root : $"{Root}/memory", path, isSecond ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes"));
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // a /proc that does not say: as without groups
        }
        return groups.Count == 0 ? null : new MemoryLimit(groups);
    }

    /// <summary>Whether there is more memory than the reserve, which is kept free for the switch's present work.</summary>
    public bool HasRoom() => _groups.TrueForAll(group => group.Limit - group.ReadUse() > Math.Min(group.Limit / ReserveShare, MostReserve));

    /// <summary>From the process's group up to the root, or to as much as its cgroup namespace shows.</summary>
    private static void AddLimits(List<Group> groups, string root, string path, (string Limit, string Use) files)
    {
        for (string folder = (root + path).TrimEnd('/'); folder.Length >= root.Length; folder = folder[..folder.LastIndexOf('/')])
        {
            // Without a limit it says "max", or a number beyond all memory (version 1).
            if (ReadNumber($"{folder}/{files.Limit}") is long limit && limit < 1L << 50)
            {
                groups.Add(new Group(folder, files.Use, limit));
            }
        }
    }

    private static long? ReadNumber(string file)
    {
        if (!File.Exists(file))
        {
            return null; // as in the root of version 2, where every switch looks
        }
        try
        {
            return long.TryParse(File.ReadAllText(file), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out long number) ? number : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private sealed record Group(string Folder, string UseFile, long Limit)
    {
        /// <summary>Bytes in use but for cached files, which the kernel gives up first.</summary>
        public long ReadUse() => ReadNumber($"{Folder}/{UseFile}") - ReadCache() ?? 0;

        private long ReadCache()
        {
            try
            {
                string? line = File.ReadLines($"{Folder}/memory.stat").LastOrDefault(line => line.StartsWith("inactive_file ", StringComparison.Ordinal)
                    || line.StartsWith("total_inactive_file ", StringComparison.Ordinal));
                return line == null ? 0 : long.Parse(line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return 0;
            }
        }
    }
}
