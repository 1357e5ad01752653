using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Ebpf;
using Softswitch.Ports.Linux.Interfaces;
using static Softswitch.Ports.Linux.Sockets.XdpSocket;

namespace Softswitch.Ports.AfXdp;

/// <summary>The XDP program of one interface, with its map of sockets and the link that holds it there.</summary>
/// <remarks>
/// Loaded with bpf(2) from instructions written out here, so that no compiler and no library is needed. The link, not the interface, owns the
/// attachment: when its last descriptor is closed, as when the process is killed, the program is gone.
/// </remarks>
internal sealed class XdpProgram : IDisposable
{
    private readonly int _map;
    private readonly int _link;
    private bool _disposed;

    private XdpProgram(int map, int link, bool isNative, string refusal)
    {
        _map = map;
        _link = link;
        IsNative = isNative;
        NativeRefusal = refusal;
    }

    public bool IsNative { get; }

    /// <summary>Why the program does not run in the driver, which was tried first; empty if it does or was not asked to.</summary>
    public string NativeRefusal { get; }

    /// <summary>Whether the interface lives, here or in another network namespace.</summary>
    public bool HasInterface => !_disposed && Bpf.FindInterface(_link) != 0;

    /// <summary>The map and the link, for another process to go on with.</summary>
    public (int Map, int Link) Descriptors => (_map, _link);

    /// <summary>Whether another process has the link too: then the program stays when this one closes it.</summary>
    public bool IsShared { get; set; }

    /// <summary>The program of another process, whose descriptors are the result's.</summary>
    public static XdpProgram Of(int map, int link, bool isNative) => new(map, link, isNative, refusal: string.Empty) { IsShared = true };

    /// <exception cref="PortException">The system refuses, or there is a program already.</exception>
    public static XdpProgram Attach(string port, LinuxInterface device, XdpMode mode, int queues)
    {
        int map = Bpf.CreateSocketMap((uint)queues);
        if (map < 0)
        {
            throw Refused(port, "bpf(BPF_MAP_CREATE)", Errno.Last);
        }
        int program = -1;
        try
        {
            program = Bpf.LoadXdp(Instructions(map), takesFragments: true);
            if (program < 0 && Errno.Last == Errno.EINVAL)
            {
                program = Bpf.LoadXdp(Instructions(map), takesFragments: false);
            }
            if (program < 0)
            {
                throw Refused(port, "bpf(BPF_PROG_LOAD)", Errno.Last);
            }
            return Link(port, device, mode, map, program);
        }
        catch
        {
            _ = Libc.close(map);
            throw;
        }
        finally
        {
            if (program >= 0)
            {
                _ = Libc.close(program); // the link has it
            }
        }
    }

    /// <summary>From here on packets of the queue go to the socket.</summary>
    /// <exception cref="PortException">The system refuses.</exception>
    public void Serve(string port, int queue, int socket)
    {
        if (Bpf.SetSocket(_map, (uint)queue, socket) < 0)
        {
            throw PortException.FromErrno(port, "bpf(BPF_MAP_UPDATE_ELEM)");
        }
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            if (!IsShared)
            {
                // Close would do it, but not while a child of this process, between fork and exec, still has the descriptor.
                _ = Bpf.DetachLink(_link);
            }
            _ = Libc.close(_link);
            _ = Libc.close(_map);
        }
    }

    private static XdpProgram Link(string port, LinuxInterface device, XdpMode mode, int map, int program)
    {
        string refusal = string.Empty;
        if (mode != XdpMode.Generic)
        {
            int link = Bpf.LinkXdp(program, device.Index, XDP_FLAGS_DRV_MODE);
            if (link >= 0)
            {
                return new XdpProgram(map, link, isNative: true, refusal);
            }
            int error = Errno.Last;
            // What the generic hook would be refused too is not tried there.
            if (mode == XdpMode.Native || error is Errno.EPERM or Errno.EACCES or Errno.EBUSY or Errno.ENODEV)
            {
                throw Refused(port, "bpf(BPF_LINK_CREATE, native mode)", error);
            }
            refusal = $"{Errno.Text(error)}{Hint(error)}";
        }
        int generic = Bpf.LinkXdp(program, device.Index, XDP_FLAGS_SKB_MODE);
        return generic >= 0
            ? new XdpProgram(map, generic, isNative: false, refusal)
            : throw Refused(port, "bpf(BPF_LINK_CREATE, generic mode)", Errno.Last);
    }

    /// <summary><c>return bpf_redirect_map(&amp;map, ctx->rx_queue_index, XDP_PASS)</c>: the last is for a queue without a socket.</summary>
    private static BpfInstruction[] Instructions(int map)
    {
        const byte loadWord = 0x61; // BPF_LDX | BPF_MEM | BPF_W
        const byte loadMap = 0x18; // BPF_LD | BPF_IMM | BPF_DW, of two instructions
        const byte move = 0xb7; // BPF_ALU64 | BPF_MOV | BPF_K
        const byte call = 0x85; // BPF_JMP | BPF_CALL
        const byte exit = 0x95; // BPF_JMP | BPF_EXIT
        const short queueOfContext = 16; // offsetof(struct xdp_md, rx_queue_index)
        const byte pseudoMapDescriptor = 1; // BPF_PSEUDO_MAP_FD
        const int redirectMap = 51; // BPF_FUNC_redirect_map
        const int pass = 2; // XDP_PASS
        return
        [
            new BpfInstruction(loadWord, 2 | (1 << 4), queueOfContext, 0), // r2 = ctx->rx_queue_index
            new BpfInstruction(loadMap, 1 | (pseudoMapDescriptor << 4), 0, map), // r1 = map
            default,
            new BpfInstruction(move, 3, 0, pass), // r3 = XDP_PASS
            new BpfInstruction(call, 0, 0, redirectMap),
            new BpfInstruction(exit, 0, 0, 0),
        ];
    }

    private static PortException Refused(string port, string call, int error) => new($"{port}: {call}: {Errno.Text(error)}{Hint(error)}");

    private static string Hint(int error) => error switch
    {
        Errno.EPERM or Errno.EACCES => ": AF_XDP wants CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW of the system, not of a container",
        Errno.EBUSY => ": the interface has an XDP program already",
        Errno.EOPNOTSUPP => ": the driver has no place for a program",
        Errno.ENOSYS or Errno.EINVAL => ": the kernel (Linux 5.10 or later is wanted) or the driver does not take it",
        Errno.ERANGE => ": the driver has no XDP for an MTU as large as this interface's or, for a veth, its peer's",
        Errno.ENOSPC => ": a veth wants as many receive queues as its peer has transmit queues (ethtool -L)",
        _ => string.Empty,
    };
}
