using Microsoft.Win32.SafeHandles;

namespace Softswitch.Ports.Linux.Files;

/// <summary>Makes names in a folder outlast a power cut: those of files that were made, renamed or deleted there.</summary>
internal static class FolderSync
{
    /// <exception cref="IOException">It cannot be opened, or the disk says no.</exception>
    public static void Flush(string path)
    {
        int descriptor = Libc.open(path, Libc.O_CLOEXEC);
        if (descriptor < 0)
        {
            throw new IOException($"open {path}: {Errno.Text(Errno.Last)}");
        }
        using SafeFileHandle folder = new(descriptor, ownsHandle: true);
        RandomAccess.FlushToDisk(folder);
    }
}
