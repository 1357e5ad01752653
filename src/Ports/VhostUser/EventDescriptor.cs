using Softswitch.Ports.Linux;

namespace Softswitch.Ports.VhostUser;

/// <summary>
/// A descriptor that a front-end sends for signals, in either direction. Workers write and poll it, so it must be of a kind that never
/// blocks.
/// </summary>
internal static class EventDescriptor
{
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;

    /// <summary>Makes an eventfd non-blocking: one with a full counter would block a writing worker.</summary>
    /// <returns>False for any other file, such as one of a file system in user space, whose every call may take as long as its owner
    /// likes.</returns>
    public static bool TrySetUp(int descriptor)
    {
        if (new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget != "anon_inode:[eventfd]")
        {
            return false;
        }
        int flags = Libc.fcntl(descriptor, F_GETFL, 0);
        return flags >= 0 && Libc.fcntl(descriptor, F_SETFL, flags | Libc.O_NONBLOCK) == 0;
    }
}
