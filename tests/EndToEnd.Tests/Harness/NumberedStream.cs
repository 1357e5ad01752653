using System.Net;
using System.Net.Sockets;

namespace Softswitch.EndToEnd.Tests.Harness;

/// <summary>UDP packets from one host to another, each with its number, until the test has seen enough: then every one of them is accounted for.</summary>
/// <remarks>
/// No more are under way than any queue on the way holds, the switch's as well as the receiving socket's: a thread that a busy machine keeps waiting
/// costs time, and no packet.
/// </remarks>
internal sealed class NumberedStream : IDisposable
{
    private const int MostUnderWay = 256;
    private const int BufferBytes = 4 << 20;
    private const int MostPackets = 1 << 20;
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);

    private readonly Socket _sender;
    private readonly Socket _receiver;
    private readonly int _packetsPerMillisecond;
    private readonly byte[] _seen = new byte[MostPackets];
    private readonly Thread _sending;
    private readonly Thread _receiving;
    private int _sent;
    private int _received;
    private volatile bool _stop;

    /// <summary>Starts sending.</summary>
    /// <param name="to">The number of the receiving host.</param>
    public NumberedStream(CabledHosts lab, int from, int to, int port, int packetsPerMillisecond)
    {
        _packetsPerMillisecond = packetsPerMillisecond;
        lab.Host(from).Execute("ip", "neigh", "replace", $"10.0.0.{to}", "lladdr", $"02:00:00:00:00:0{to}", "dev", "eth0").Checked();
        _receiver = lab.Host(to).Run(Open);
        _receiver.ReceiveBufferSize = BufferBytes;
        _receiver.ReceiveTimeout = (int)Silence.TotalMilliseconds;
        _receiver.Bind(new IPEndPoint(IPAddress.Any, port));
        _sender = lab.Host(from).Run(Open);
        _sender.Connect(IPAddress.Parse($"10.0.0.{to}"), port);
        _sending = new Thread(Send);
        _receiving = new Thread(Receive);
        _receiving.Start();
        _sending.Start();
    }

    /// <summary>So far.</summary>
    public int Sent => Volatile.Read(ref _sent);

    /// <summary>So far, each time a packet came.</summary>
    public int Received => Volatile.Read(ref _received);

    /// <summary>Stops sending, waits for what is under way, and checks that every packet came, and once.</summary>
    /// <param name="describe">What else to say of it if not: counters of the ports.</param>
    public void AssertAllCame(Func<string> describe)
    {
        Stop();
        Assert.True(Sent > 0, "nothing was sent");
        List<string> wrong = [.. Enumerable.Range(0, Sent).Where(number => _seen[number] != 1).Select(number => $"{number}: {_seen[number]} times")];
        Assert.True(wrong.Count == 0, $"of {Sent} packets {wrong.Count} did not come once: {string.Join(", ", wrong.Take(10))}\n{(wrong.Count == 0 ? "" : describe())}");
    }

    public void Dispose()
    {
        Stop();
        _sender.Dispose();
        _receiver.Dispose();
    }

    private void Stop()
    {
        _stop = true;
        _sending.Join();
        _receiving.Join();
    }

    private static Socket Open() => new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

    private void Send()
    {
        byte[] payload = new byte[sizeof(int)];
        while (!_stop && _sent < MostPackets)
        {
            for (int i = 0; i < _packetsPerMillisecond && _sent - Received < MostUnderWay; i++)
            {
                BitConverter.TryWriteBytes(payload, _sent);
                _sender.Send(payload);
                Volatile.Write(ref _sent, _sent + 1);
            }
            Thread.Sleep(1); // what it oversleeps is not made up for
        }
    }

    private void Receive()
    {
        byte[] payload = new byte[2048];
        while (true)
        {
            try
            {
                if (_receiver.Receive(payload) == sizeof(int))
                {
                    _seen[BitConverter.ToInt32(payload)]++;
                    Volatile.Write(ref _received, _received + 1);
                }
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
            {
                if (_stop)
                {
                    return;
                }
            }
        }
    }
}
