using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Softswitch.OfAgent.Connections;

/// <summary>What is known of a connection's far end before it has said anything.</summary>
internal static class PeerOrigin
{
    // Linux: socket(7), tcp(7), include/net/tcp_states.h.
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int PeerCredentials = 17; // SO_PEERCRED: struct ucred, process, user and group
    private const int SizeOfCredentials = 12;
    private const int TcpLevel = 6; // IPPROTO_TCP
    private const int TcpInformation = 11; // TCP_INFO: struct tcp_info, which begins with the state
    private const byte Established = 1; // TCP_ESTABLISHED

    /// <summary>Where it comes from: its address, or its process if it is on a Unix socket.</summary>
    public static string Of(Socket peer)
    {
        try
        {
            if (peer.RemoteEndPoint is IPEndPoint { Address: { } address })
            {
                return $"{(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address)}";
            }
            Span<byte> credentials = stackalloc byte[SizeOfCredentials];
            peer.GetRawSocketOption(SocketLevel, PeerCredentials, credentials);
            return string.Create(CultureInfo.InvariantCulture, $"process {BitConverter.ToInt32(credentials)}");
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return "gone";
        }
    }

    /// <summary>Whether the peer has sent unread bytes, and whether it has closed its end. On a Unix socket a peer with unread bytes counts as open.</summary>
    public static (bool HasSent, bool HasLeft) StateOf(Socket peer)
    {
        try
        {
            bool hasSent = peer.Available > 0;
            if (peer.ProtocolType != ProtocolType.Tcp)
            {
                return (hasSent, !hasSent && peer.Poll(TimeSpan.Zero, SelectMode.SelectRead) && peer.Available == 0);
            }
            Span<byte> state = stackalloc byte[1];
            return (hasSent, peer.GetRawSocketOption(TcpLevel, TcpInformation, state) > 0 && state[0] != Established);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return (false, true);
        }
    }
}
