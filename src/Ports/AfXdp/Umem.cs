using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using static Softswitch.Ports.Linux.XdpSocket;

namespace Softswitch.Ports.AfXdp;

/// <summary>A pool's frames as a umem: registered with the first socket, shared by those that follow (XDP_SHARED_UMEM).</summary>
/// <remarks>
/// A umem lives as long as any socket that uses it, and any of them can stand for it when another is bound; so whoever closes first does no
/// harm. Where sharing is refused (a zero-copy umem forces zero-copy on every device) the socket registers the same memory once more:
/// addresses mean the same frames in both, and frames still pass from port to port without a copy. Threads: any.
/// </remarks>
internal sealed unsafe class Umem
{
    // A closed socket lives on while a child of the process, between fork and exec, has its descriptor.
    private const int ReleaseRetries = 200;

    private static readonly ConditionalWeakTable<FramePool, Umem> Umems = [];

    private readonly Lock _gate = new();
    private readonly FramePool _pool;
    private readonly List<int> _sockets = [];

    private Umem(FramePool pool) => _pool = pool;

    public static Umem Of(FramePool pool) => Umems.GetValue(pool, static p => new Umem(p));

    /// <summary>Binds a socket, its rings made, to a queue of an interface.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="copyOnly">The program runs in the generic hook, which knows no zero-copy.</param>
    /// <returns>Whether the umem is shared with a socket that was there.</returns>
    /// <exception cref="PortException">The system refuses.</exception>
    public bool Bind(string port, int socket, int interfaceIndex, uint queue, bool copyOnly)
    {
        lock (_gate)
        {
            foreach (int other in _sockets)
            {
                var shared = new XdpAddress
                {
                    Family = Libc.AF_XDP,
                    Flags = XDP_SHARED_UMEM,
                    InterfaceIndex = interfaceIndex,
                    Queue = queue,
                    SharedUmem = other,
                };
                if (TryBind(socket, shared) == 0)
                {
                    _sockets.Add(socket);
                    return true;
                }
            }
            Register(port, socket);
            var own = new XdpAddress
            {
                Family = Libc.AF_XDP,
                // Without XDP_COPY the kernel tries zero-copy first.
                Flags = (ushort)(XDP_USE_NEED_WAKEUP | (copyOnly ? XDP_COPY : 0)),
                InterfaceIndex = interfaceIndex,
                Queue = queue,
            };
            int error = TryBind(socket, own);
            if (error != 0)
            {
                throw PortException.FromErrno(port, "bind(AF_XDP)", error);
            }
            _sockets.Add(socket);
            return false;
        }
    }

    /// <summary>To be called before the socket is closed.</summary>
    public void Forget(int socket)
    {
        lock (_gate)
        {
            _sockets.Remove(socket);
        }
    }

    private void Register(string port, int socket)
    {
        var registration = new UmemRegistration
        {
            Address = (ulong)_pool.Region,
            Length = _pool.RegionBytes,
            ChunkSize = (uint)_pool.FrameSize,
            Headroom = FramePool.DataOffset - XDP_PACKET_HEADROOM,
        };
        if (Libc.setsockopt(socket, SOL_XDP, XDP_UMEM_REG, &registration, (uint)sizeof(UmemRegistration)) == 0)
        {
            return;
        }
        int error = Errno.Last;
        string hint = error == Errno.ENOBUFS ? "; the limit of locked memory is too low (ulimit -l, or CAP_IPC_LOCK)" : string.Empty;
        throw new PortException($"{port}: setsockopt({nameof(XDP_UMEM_REG)}, {_pool.RegionBytes >> 20} MiB): {Errno.Text(error)}{hint}");
    }

    private static int TryBind(int socket, XdpAddress address)
    {
        int error = 0;
        for (int i = 0; i < ReleaseRetries; i++)
        {
            if (Libc.bind(socket, &address, (uint)sizeof(XdpAddress)) == 0)
            {
                return 0;
            }
            error = Errno.Last;
            if (error != Errno.EBUSY)
            {
                break;
            }
            Thread.Sleep(1);
        }
        return error;
    }
}
