using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;
using static Softswitch.Ports.Linux.Sockets.XdpSocket;

namespace Softswitch.Ports.AfXdp;

/// <summary>A pool's frames as a umem: registered with the first socket, shared by those that follow (XDP_SHARED_UMEM).</summary>
/// <remarks>
/// A umem lives as long as any socket that uses it, and a new socket can be bound to share it with any of these. So the sockets may close in any
/// order. A socket that shares a umem gets the mode of its first socket: copy or zero-copy (xp_assign_dev_shared). So a card looks for a zero-copy
/// umem, other interfaces for one in copy mode. If there is none, the socket registers the same memory once more:
/// addresses mean the same frames in both, and frames still pass from port to port without a copy. Packets of several frames (XDP_USE_SG, Linux
/// 6.6) come the same way, with the first socket. In copy mode that costs nothing and is always asked for. A card that writes into the frames needs room
/// for the kernel at the end of each then, so there it is asked for only where a frame is too short. Threads: any.
/// </remarks>
internal sealed unsafe class Umem
{
    // Milliseconds. The kernel gives a closed socket's queue back by deferred work; later still if a child between fork and exec has the descriptor.
    private const int ReleaseRetries = 3000;

    private static readonly ConditionalWeakTable<FramePool, Umem> Umems = [];

    private readonly Lock _lock = new();
    private readonly FramePool _pool;
    private readonly List<(int Socket, UmemBinding Binding)> _sockets = [];

    private Umem(FramePool pool) => _pool = pool;

    public static Umem Of(FramePool pool) => Umems.GetValue(pool, static p => new Umem(p));

    /// <summary>Binds a socket, its rings made, to a queue of an interface.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="copying">The modes that the interface may get.</param>
    /// <param name="isLong">Whether the interface's packets may be longer than a frame.</param>
    /// <exception cref="PortException">The system refuses.</exception>
    public UmemBinding Bind(string port, int socket, int interfaceIndex, uint queue, UmemCopying copying, bool isLong)
    {
        lock (_lock)
        {
            bool wantsZeroCopy = copying == UmemCopying.ZeroCopyIfPossible;
            foreach ((int other, UmemBinding known) in _sockets)
            {
                bool isFit = known.IsZeroCopy ? wantsZeroCopy && known.IsMultiBuffer == isLong : !wantsZeroCopy && (known.IsMultiBuffer || !isLong);
                if (isFit && TryBind(socket, interfaceIndex, queue, XDP_SHARED_UMEM, other) == 0)
                {
                    return Add(socket, known with { IsShared = true, ZeroCopyRefusal = string.Empty });
                }
            }
            Register(port, socket);
            string refusal = string.Empty;
            if (copying != UmemCopying.Copy)
            {
                int refused = TryBind(socket, interfaceIndex, queue, XDP_USE_NEED_WAKEUP | XDP_ZEROCOPY | (isLong ? XDP_USE_SG : 0));
                if (refused == 0)
                {
                    return Add(socket, new UmemBinding(IsShared: false, IsZeroCopy: true, isLong, string.Empty));
                }
                refusal = Errno.Text(refused);
            }
            bool isMultiBuffer = true;
            int error = TryBind(socket, interfaceIndex, queue, XDP_USE_NEED_WAKEUP | XDP_COPY | XDP_USE_SG);
            if (error == Errno.EINVAL) // a kernel that does not know the flag
            {
                isMultiBuffer = false;
                error = TryBind(socket, interfaceIndex, queue, XDP_USE_NEED_WAKEUP | XDP_COPY);
            }
            return error == 0
                ? Add(socket, new UmemBinding(IsShared: false, IsZeroCopy: false, isMultiBuffer, refusal))
                : throw PortException.FromErrno(port, "bind(AF_XDP)", error);
        }
    }

    /// <summary>A socket that another process bound, with the pool's memory as its umem: others can share it.</summary>
    public void Adopt(int socket, in UmemBinding binding)
    {
        lock (_lock)
        {
            Add(socket, binding);
        }
    }

    /// <summary>To be called before the socket is closed.</summary>
    public void Forget(int socket)
    {
        lock (_lock)
        {
            _sockets.RemoveAll(known => known.Socket == socket);
        }
    }

    private UmemBinding Add(int socket, in UmemBinding binding)
    {
        _sockets.Add((socket, binding));
        return binding;
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

    private static int TryBind(int socket, int interfaceIndex, uint queue, int flags, int sharedWith = 0)
    {
        var address = new XdpAddress
        {
            Family = Libc.AF_XDP,
            Flags = (ushort)flags,
            InterfaceIndex = interfaceIndex,
            Queue = queue,
            SharedUmem = sharedWith,
        };
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

/// <summary>How packets move between the umem and the interface.</summary>
internal enum UmemCopying
{
    /// <summary>The kernel copies: the program runs in the generic hook, which knows nothing else.</summary>
    Copy,

    /// <summary>No hardware behind the interface can reach into the umem; the socket may share any umem.</summary>
    CopyUnlessFirst,

    /// <summary>The card may write into the frames; the kernel copies only if the driver refuses.</summary>
    ZeroCopyIfPossible,
}

/// <summary>The binding that the kernel granted a socket.</summary>
/// <param name="IsShared">Whether its umem was there before.</param>
/// <param name="IsZeroCopy">Whether the driver reaches into the frames itself.</param>
/// <param name="IsMultiBuffer">Whether a packet may have several frames.</param>
/// <param name="ZeroCopyRefusal">Why it does not, where it was asked to; else empty.</param>
internal readonly record struct UmemBinding(bool IsShared, bool IsZeroCopy, bool IsMultiBuffer, string ZeroCopyRefusal)
{
    // MAX_SKB_FRAGS is 17 or more, and the first frame of a packet goes where they do not count.
    private const int MostCopied = 18;

    // xdp_zc_max_segs of the drivers that have it: 8 or more.
    private const int MostTouched = 8;

    // Bytes that such a driver keeps free in front of a received piece, and the kernel behind it.
    private const int Overhead = 2 * FramePool.DataOffset;

    /// <summary>Bytes behind the Ethernet header and a tag of the longest packet that passes both ways: the largest MTU.</summary>
    public int LongestPayload(int frameSize)
    {
        int longest = !IsMultiBuffer ? frameSize - FramePool.DataOffset
            : IsZeroCopy ? MostTouched * (frameSize - Overhead)
            : MostCopied * frameSize;
        return Math.Min(longest - LinkFrame.HeaderLength - LinkFrame.TagLength, ushort.MaxValue);
    }
}
