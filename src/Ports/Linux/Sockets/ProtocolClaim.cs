using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Linux.Sockets;

/// <summary>Holds a protocol of an IPv4 address without receiving any of it, so that the kernel does not answer the senders with ICMP errors.</summary>
/// <remarks>
/// A port by AF_PACKET gets copies: the kernel's own stack sees the packets too, and would answer with ICMP "port unreachable" or "protocol unreachable". A socket whose
/// filter takes nothing keeps it silent, and costs it no memory.
/// </remarks>
internal sealed unsafe class ProtocolClaim : IDisposable
{
    private const int SO_ATTACH_FILTER = 26;
    private const int SO_REUSEPORT = 15;
    private const ushort BPF_RET_K = 0x06;

    private int _socket;

    private ProtocolClaim(int socket) => _socket = socket;

    /// <summary>Opens one in the calling thread's network namespace.</summary>
    /// <param name="port">UDP's; of no meaning for other protocols.</param>
    /// <exception cref="SystemCallException">Somebody else has the port, or rights are missing.</exception>
    public static ProtocolClaim Take(Be32 address, byte protocol, ushort port)
    {
        bool isUdp = protocol == IpProtocol.Udp;
        int socket = Libc.socket(Libc.AF_INET, (isUdp ? Libc.SOCK_DGRAM : Libc.SOCK_RAW) | Libc.SOCK_CLOEXEC, isUdp ? 0 : protocol);
        if (socket < 0)
        {
            throw SystemCallException.Last($"socket(AF_INET, {protocol})");
        }
        var claim = new ProtocolClaim(socket);
        try
        {
            claim.SetUp(address, isUdp ? port : (ushort)0);
            return claim;
        }
        catch
        {
            claim.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        if (_socket >= 0)
        {
            _ = Libc.close(_socket);
            _socket = -1;
        }
    }

    private void SetUp(Be32 address, ushort port)
    {
        // struct sock_filter: code 2, jumps 1 each, value 4; struct sock_fprog: length 2, padding, pointer.
        ulong takeNothing = BPF_RET_K;
        nuint* program = stackalloc nuint[2] { 1, (nuint)(&takeNothing) };
        if (Libc.setsockopt(_socket, Libc.SOL_SOCKET, SO_ATTACH_FILTER, program, (uint)(2 * sizeof(nuint))) < 0)
        {
            throw SystemCallException.Last("setsockopt(SO_ATTACH_FILTER)");
        }
        int on = 1; // several tunnels of ours may share a port
        _ = Libc.setsockopt(_socket, Libc.SOL_SOCKET, SO_REUSEPORT, &on, sizeof(int));
        // struct sockaddr_in: family 2, port 2, address 4, zero 8.
        uint* name = stackalloc uint[4] { Libc.AF_INET | ((uint)Be16.FromHost(port).Raw << 16), address.Raw, 0, 0 };
        if (Libc.bind(_socket, name, 4 * sizeof(uint)) < 0)
        {
            throw SystemCallException.Last(port == 0 ? $"bind({Ipv4Text.Format(address)})" : $"bind({Ipv4Text.Format(address)}:{port})");
        }
    }
}
