using Softswitch.Ports.Linux;

namespace Softswitch.Ports.VhostUser;

/// <summary>
/// What a front-end sends to be signalled by, or to signal by. Workers write and poll it, so it must be of a kind that keeps nobody
/// waiting.
/// </summary>
internal static class EventDescriptor
{
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;

    /// <summary>Makes an eventfd non-blocking: one whose counter is full would hold up who writes it.</summary>
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
