using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Headers;

namespace Softswitch.Lab.Measures;

/// <summary>Numbered UDP packets from one host to another.</summary>
internal sealed class UdpStream : NumberedStream
{
    /// <summary>Shortest payload: the packet's number.</summary>
    public const int LeastLength = sizeof(int);

    /// <summary>Bytes of a frame without those of the payload, and without FCS.</summary>
    public const int HeaderLength = 14 + 20 + 8;

    private const int BufferBytes = 8 << 20;
    private const int WaitMicroseconds = 10_000;

    private readonly Socket _from;
    private readonly Socket _to;
    private readonly byte[] _payload;
    private readonly byte[] _received = new byte[2048];

    private UdpStream(string name, Socket from, Socket to, double perSecond, int capacity, int length, int mostUnderWay)
        : base(name, perSecond, capacity, mostUnderWay)
    {
        _from = from;
        _to = to;
        _payload = new byte[length];
        Start();
    }

    /// <summary>Starts sending.</summary>
    /// <param name="to">Where they arrive. A guest sends each back: they arrive when they are here again, and delays are round trips.</param>
    /// <param name="address">Where it is sent to: the receiving host's address, or one that the network makes that of it.</param>
    /// <param name="length">Bytes of payload.</param>
    /// <param name="mostUnderWay">As of every <see cref="NumberedStream"/>.</param>
    public static UdpStream Start(
        LabHost from, IMobileHost to, ushort port, double perSecond, int length = 64, Be32? address = null, int capacity = 1 << 20, int mostUnderWay = int.MaxValue)
    {
        Socket? receiver = to.Listen(ProtocolType.Udp, port);
        try
        {
            Socket sender = from.Run(Open);
            (receiver ?? sender).ReceiveBufferSize = BufferBytes;
            sender.Connect(new IPEndPoint(new IPAddress((address ?? to.Address).Raw), port));
            string name = $"UDP {from.Name} to {to.Name}, {perSecond:0} packets a second";
            return new UdpStream(name, sender, receiver ?? sender, perSecond, capacity, Math.Max(length, LeastLength), mostUnderWay);
        }
        catch
        {
            receiver?.Dispose();
            throw;
        }
    }

    protected override void SendOne(int number)
    {
        BinaryPrimitives.WriteInt32BigEndian(_payload, number);
        try
        {
            _from.Send(_payload);
        }
        catch (SocketException)
        {
            // No route for the moment: the host is on its way from one place to another.
        }
    }

    protected override void ReceiveSome()
    {
        if (!_to.Poll(WaitMicroseconds, SelectMode.SelectRead))
        {
            return;
        }
        try
        {
            while (_to.Available > 0)
            {
                int length = _to.Receive(_received);
                if (length == _payload.Length)
                {
                    Record.Arrive(BinaryPrimitives.ReadInt32BigEndian(_received), Stopwatch.GetTimestamp());
                }
            }
        }
        catch (SocketException)
        {
            // A datagram before this one was refused (ICMP): the guest does not listen at the moment.
        }
    }

    protected override void Close()
    {
        _from.Dispose();
        _to.Dispose();
    }

    private static Socket Open() => new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
}
