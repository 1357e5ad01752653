using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Ebpf;

namespace Softswitch.Testing;

/// <summary>Whether the kernel, or the container around us, lets this process have AF_XDP.</summary>
internal static class XdpSupport
{
    private static readonly Lazy<string?> Obstacle = new(FindObstacle);

    /// <summary>Null where it does; else the reason for a test to skip. Namespaces are another matter: <see cref="Needs.NamespacesObstacle"/>.</summary>
    public static string? UnavailableReason => Obstacle.Value;

    /// <summary>Asks the kernel itself, past the ports under test: where this works, a port that cannot be opened is a failure.</summary>
    private static string? FindObstacle()
    {
        int socket = Libc.socket(Libc.AF_XDP, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        if (socket < 0)
        {
            return $"no AF_XDP here: socket(AF_XDP): {Errno.Text(Errno.Last)}";
        }
        _ = Libc.close(socket);
        int map = Bpf.CreateSocketMap(1);
        if (map < 0)
        {
            return $"no AF_XDP here: bpf(BPF_MAP_CREATE): {Errno.Text(Errno.Last)}";
        }
        _ = Libc.close(map);
        return null;
    }
}
