using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Softswitch.Lab.Measures;

/// <summary>Pings at a steady rate; a packet arrives when its answer does, and its delay is the round trip.</summary>
internal sealed class PingStream : NumberedStream
{
    /// <summary>Bytes of a frame without those of the payload, and without FCS.</summary>
    public const int HeaderLength = 14 + 20 + 8;

    /// <summary>There can be: a sequence number is 16 bits.</summary>
    public const int MostPings = 1 << 16;

    private const int WaitMicroseconds = 10_000;

    private readonly PingSocket _ping;
    private readonly IPAddress _to;

    private PingStream(string name, PingSocket ping, IPAddress to, double perSecond)
        : base(name, perSecond, MostPings)
    {
        _ping = ping;
        _to = to;
        Start();
    }

    /// <summary>Starts pinging.</summary>
    /// <param name="payload">As of <see cref="PingSocket"/>.</param>
    public static PingStream Start(LabHost from, IMobileHost to, double perSecond, int payload = PingSocket.UsualPayload) => new(
        $"ping {from.Name} to {to.Name} every {1000 / perSecond:0} ms", from.Run(() => new PingSocket(payload)), to.IPAddress, perSecond);

    protected override void SendOne(int number) => _ping.TrySend(_to, (ushort)number);

    protected override void ReceiveSome()
    {
        if (!_ping.Socket.Poll(WaitMicroseconds, SelectMode.SelectRead))
        {
            return;
        }
        while (_ping.TryReceive(out IPAddress from, out ushort number))
        {
            if (from.Equals(_to))
            {
                Record.Arrive(number, Stopwatch.GetTimestamp());
            }
        }
    }

    protected override void Close() => _ping.Dispose();
}
