using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;

namespace Softswitch.Lab;

/// <summary>Sends ICMP echo requests and reads the replies (RFC 792), in the network namespace of the thread that opened it.</summary>
/// <param name="payload">Bytes behind the ICMP header.</param>
internal sealed class PingSocket(int payload = PingSocket.UsualPayload) : IDisposable
{
    /// <summary>As of ping(8).</summary>
    public const int UsualPayload = 56;

    private const byte EchoReply = 0;
    private const byte EchoRequest = 8;
    private const int HeaderLength = 8;

    private readonly byte[] _request = new byte[HeaderLength + payload];
    private readonly byte[] _received = new byte[2048];
    private readonly ushort _identifier = (ushort)Random.Shared.Next(1 << 16);

    /// <summary>For Socket.Select.</summary>
    public Socket Socket { get; } = Open();

    /// <summary>Sends one request; false where the system would not take it, as while it has no route.</summary>
    public bool TrySend(IPAddress to, ushort sequence)
    {
        _request.AsSpan().Clear();
        _request[0] = EchoRequest;
        BinaryPrimitives.WriteUInt16BigEndian(_request.AsSpan(4), _identifier);
        BinaryPrimitives.WriteUInt16BigEndian(_request.AsSpan(6), sequence);
        MemoryMarshal.Write(_request.AsSpan(2), InternetChecksum.Compute(_request)); // words as they stand in memory
        try
        {
            return Socket.SendTo(_request, new IPEndPoint(to, 0)) == _request.Length;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Takes the next reply to one of our requests; false when none waits.</summary>
    public bool TryReceive(out IPAddress from, out ushort sequence)
    {
        from = IPAddress.None;
        sequence = 0;
        while (Socket.Available > 0)
        {
            EndPoint sender = new IPEndPoint(IPAddress.Any, 0);
            int length = Socket.ReceiveFrom(_received, ref sender);
            // A raw socket hands out the IP header too, and every ICMP message of the host (raw(7)).
            int header = (_received[0] & 0xf) * 4;
            if (length < header + HeaderLength || _received[header] != EchoReply
                || BinaryPrimitives.ReadUInt16BigEndian(_received.AsSpan(header + 4)) != _identifier)
            {
                continue;
            }
            from = ((IPEndPoint)sender).Address;
            sequence = BinaryPrimitives.ReadUInt16BigEndian(_received.AsSpan(header + 6));
            return true;
        }
        return false;
    }

    public void Dispose() => Socket.Dispose();

    // A raw socket hears others' replies before it has sent anything, and .NET receives on no socket that was never bound.
    private static Socket Open()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp) { Blocking = false };
        socket.Bind(new IPEndPoint(IPAddress.Any, 0));
        return socket;
    }
}
