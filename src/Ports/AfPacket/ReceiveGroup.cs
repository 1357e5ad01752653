using Softswitch.Ports.Linux;
using static Softswitch.Ports.Linux.Sockets.PacketSocket;

namespace Softswitch.Ports.AfPacket;

/// <summary>
/// A port's receiving sockets as the kernel sees them: one group (PACKET_FANOUT), and a program that says which of them gets a packet.
/// </summary>
/// <remarks>
/// Two sockets on one interface would each get every packet, and one after the other would miss some. In a group each packet goes to
/// one member. The kernel replaces the program by a single store: packets before the store go to one member, packets after it to the
/// other. The program only returns the member's place; in a group of one every place is the first.
/// </remarks>
internal static unsafe class ReceiveGroup
{
    private const int SO_ATTACH_FILTER = 26;
    private const int SO_DETACH_FILTER = 27;
    private const ushort BPF_RET = 0x06; // with BPF_K

    /// <summary>Before Linux 6.2 a group gets what the interface sends, too: PACKET_FANOUT_FLAG_IGNORE_OUTGOING is not known.</summary>
    public static bool IsSupported { get; } = Environment.OSVersion.Version >= new Version(6, 2);

    /// <summary>Makes a group of a socket that is bound.</summary>
    /// <param name="isOutgoing">As of the socket's <see cref="PacketSource"/>.</param>
    /// <returns>False if the system refuses: before Linux 6.13 it does for an interface that is down.</returns>
    public static bool TryForm(int socket, bool isOutgoing = false) =>
        Libc.SetOption(socket, SOL_PACKET, PACKET_FANOUT, (TypeOf(isOutgoing) | PACKET_FANOUT_FLAG_UNIQUEID) << 16) == 0
        && TrySelect(socket, 0);

    /// <summary>Adds a socket to the group of another, without a packet for it until <see cref="Select"/>.</summary>
    /// <param name="bind">Binds it, which alone would have it get every packet at once.</param>
    /// <exception cref="PortException">The system refuses.</exception>
    public static void Join(string port, int socket, int other, bool isOutgoing, Action bind)
    {
        Attach(port, socket, SO_ATTACH_FILTER);
        bind();
        int group;
        uint size = sizeof(int);
        if (Libc.getsockopt(other, SOL_PACKET, PACKET_FANOUT, &group, &size) < 0)
        {
            throw PortException.FromErrno(port, $"getsockopt({nameof(PACKET_FANOUT)})");
        }
        // The kernel tells the flags, the type and the number in this order from the top, and wants the flags beside the type.
        Select(port, other, 0); // in a group of one it does not matter; from here on it does
        Set(port, socket, PACKET_FANOUT, (group & 0xffff) | (TypeOf(isOutgoing) << 16), nameof(PACKET_FANOUT));
        Select(port, other, 0); // waits until no processor is delivering to the socket by itself any more
        Attach(port, socket, SO_DETACH_FILTER);
    }

    /// <summary>Has every packet go to one member. When this returns no processor is delivering to another one any more.</summary>
    /// <param name="socket">Any of the group.</param>
    /// <param name="place">Of the member, in the order in which they joined.</param>
    /// <exception cref="PortException">The system refuses.</exception>
    public static void Select(string port, int socket, uint place)
    {
        if (!TrySelect(socket, place))
        {
            throw PortException.FromErrno(port, $"setsockopt({nameof(PACKET_FANOUT_DATA)})");
        }
    }

    private static int TypeOf(bool isOutgoing) => PACKET_FANOUT_CBPF | (isOutgoing ? 0 : PACKET_FANOUT_FLAG_IGNORE_OUTGOING);

    // The kernel waits for a grace period when it replaces a program by another (__fanout_set_data_bpf).
    private static bool TrySelect(int socket, uint place)
    {
        FilterInstruction instruction = new() { Code = BPF_RET, Value = place };
        BpfProgram program = new() { Length = 1, Instructions = &instruction };
        return Libc.setsockopt(socket, SOL_PACKET, PACKET_FANOUT_DATA, &program, (uint)sizeof(BpfProgram)) == 0;
    }

    /// <summary>A filter that lets nothing in.</summary>
    private static void Attach(string port, int socket, int option)
    {
        FilterInstruction instruction = new() { Code = BPF_RET, Value = 0 };
        BpfProgram program = new() { Length = 1, Instructions = &instruction };
        if (Libc.setsockopt(socket, Libc.SOL_SOCKET, option, &program, (uint)sizeof(BpfProgram)) < 0)
        {
            throw PortException.FromErrno(port, option == SO_ATTACH_FILTER ? $"setsockopt({nameof(SO_ATTACH_FILTER)})" : $"setsockopt({nameof(SO_DETACH_FILTER)})");
        }
    }
}

/// <summary>struct sock_filter: an instruction of the classic packet filter.</summary>
internal struct FilterInstruction
{
    public ushort Code;
    public byte JumpIfTrue;
    public byte JumpIfFalse;
    public uint Value;
}

/// <summary>struct sock_fprog.</summary>
internal unsafe struct BpfProgram
{
    public ushort Length;
    public FilterInstruction* Instructions;
}
