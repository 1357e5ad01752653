using System.Globalization;

namespace Softswitch.Ports.Linux.Files;

/// <summary>Keeps a thing to one process by a lock on a file or directory that stands for it (flock(2)), which ends with the process however that ends.</summary>
internal sealed class ExclusiveLock : IDisposable
{
    // A released lock outlives its descriptor while a child of the process, between fork and exec, still has a copy.
    private const int ReleaseRetries = 200;

    private readonly string? _place;
    private int _descriptor;

    private ExclusiveLock(int descriptor)
    {
        _descriptor = descriptor;
        _place = DescriptorPath.Of(descriptor);
    }

    /// <summary>Whether the locked file still has its path. If not, another file may be at that path, and no process has locked it.</summary>
    public bool IsInPlace => DescriptorPath.Of(_descriptor) == _place;

    /// <param name="path">Has to exist; a file, device or directory. It is not written to.</param>
    /// <param name="what">What it stands for, for the message.</param>
    /// <exception cref="PortException">Another process has it, or it cannot be opened.</exception>
    public static ExclusiveLock Take(string path, string what)
    {
        int descriptor = Libc.open(path, Libc.O_CLOEXEC);
        if (descriptor < 0)
        {
            throw PortException.FromErrno(what, $"open {path}");
        }
        int error = 0;
        for (int i = 0; i < ReleaseRetries; i++)
        {
            if (Libc.flock(descriptor, Libc.LOCK_EX | Libc.LOCK_NB) == 0)
            {
                return new ExclusiveLock(descriptor);
            }
            error = Errno.Last;
            if (error != Errno.EAGAIN)
            {
                break;
            }
            Thread.Sleep(1);
        }
        string owner = error == Errno.EAGAIN ? OwnerOf(descriptor) : string.Empty;
        _ = Libc.close(descriptor);
        throw error == Errno.EAGAIN
            ? new PortException($"{what}: in use by another process{owner}, which has locked {path}")
            : PortException.FromErrno(what, $"flock {path}", error);
    }

    public void Dispose()
    {
        if (_descriptor >= 0)
        {
            _ = Libc.close(_descriptor);
            _descriptor = -1;
        }
    }

    /// <summary>The holder in words, by the file's inode (proc(5), locks and fdinfo); empty if it is not to be found.</summary>
    private static string OwnerOf(int descriptor)
    {
        try
        {
            string? inode = File.ReadLines($"/proc/self/fdinfo/{descriptor}").FirstOrDefault(line => line.StartsWith("ino:", StringComparison.Ordinal));
            if (inode == null)
            {
                return string.Empty;
            }
            string suffix = $":{inode[4..].Trim()}";
            foreach (string line in File.ReadLines("/proc/locks"))
            {
                // 1: FLOCK  ADVISORY  WRITE 1234 00:15:9876 0 EOF
                string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words.Length > 5 && words[1] == "FLOCK" && words[5].EndsWith(suffix, StringComparison.Ordinal)
                    && int.TryParse(words[4], NumberStyles.None, CultureInfo.InvariantCulture, out int process))
                {
                    return $" (pid {process})";
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // a /proc that says less: the message does, too
        }
        return string.Empty;
    }
}

/// <summary>Where an open file or folder is now, which tells whether it was removed, moved or replaced (proc(5), fd).</summary>
internal static class DescriptorPath
{
    /// <summary>The path by which it is reached, with <c> (deleted)</c> behind it once nothing has that name; null if the system does not say.</summary>
    public static string? Of(int descriptor)
    {
        try
        {
            return new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget;
        }
        catch (IOException)
        {
            return null; // its path is longer than the system tells
        }
    }
}
