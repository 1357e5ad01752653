using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Headers;

namespace Softswitch.Lab.Measures;

/// <summary>A TCP connection's end.</summary>
/// <param name="Bytes">That arrived.</param>
/// <param name="WrongBytes">Of them, those that are not what was sent there.</param>
/// <param name="Failure">Why the connection broke; null if it lived to the end and all that was sent arrived.</param>
/// <param name="LongestStall">The longest time in which nothing arrived.</param>
internal sealed record TcpSummary(long Bytes, long WrongBytes, string? Failure, TimeSpan LongestStall)
{
    public override string ToString() =>
        $"{Bytes} bytes, {WrongBytes} wrong, longest stall {LongestStall.TotalMilliseconds:0} ms, {(Failure == null ? "connection alive" : $"connection broken: {Failure}")}";
}

/// <summary>A TCP connection from one host to another that carries a known content, every byte of which is checked, at a steady rate until it is stopped.</summary>
/// <remarks>Threads: made, stopped and disposed of by one.</remarks>
internal sealed class TcpStream : IDisposable
{
    private const int ChunkLength = 1400;
    private const int ConnectSeconds = 30;
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(30);

    private readonly Socket _from;
    private readonly Socket _to;
    private readonly double _chunksPerSecond;
    private readonly Thread _sender;
    private readonly Thread _receiver;
    private readonly List<(long When, long Bytes)> _arrivals = [];
    private volatile bool _isSending = true;
    private string? _failure;
    private long _sent;
    private long _arrived;
    private long _wrong;

    private TcpStream(Socket from, Socket to, double bytesPerSecond)
    {
        _from = from;
        _to = to;
        _chunksPerSecond = bytesPerSecond / ChunkLength;
        _sender = new Thread(Send) { IsBackground = true, Name = "send TCP" };
        _receiver = new Thread(Receive) { IsBackground = true, Name = "receive TCP" };
        _receiver.Start();
        _sender.Start();
    }

    /// <summary>Connects and starts sending.</summary>
    /// <param name="to">Where it arrives. A guest sends it all back, and that is what arrives and is checked.</param>
    /// <param name="address">As of <see cref="UdpStream.Start"/>.</param>
    /// <exception cref="TestbedException">No connection within half a minute.</exception>
    public static TcpStream Start(LabHost from, IMobileHost to, ushort port, double bytesPerSecond, Be32? address = null)
    {
        using Socket? listener = to.Listen(ProtocolType.Tcp, port);
        Socket sender = from.Run(Open);
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(ConnectSeconds));
            sender.ConnectAsync(new IPEndPoint(new IPAddress((address ?? to.Address).Raw), port), limit.Token).AsTask().GetAwaiter().GetResult();
            Socket receiver = listener == null ? sender
                : listener.Poll(TimeSpan.FromSeconds(ConnectSeconds), SelectMode.SelectRead) ? listener.Accept()
                : throw new TestbedException($"TCP from {from.Name} to {to.Name}: connected to something else");
            return new TcpStream(sender, receiver, bytesPerSecond);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            sender.Dispose();
            throw new TestbedException($"TCP from {from.Name} to {to.Name}: no connection: {e.Message}", e);
        }
        catch
        {
            sender.Dispose();
            throw;
        }
    }

    /// <summary>Segments the sender has sent again so far: tcpi_total_retrans of TCP_INFO (tcp(7)).</summary>
    public int ReadRetransmissions()
    {
        const int ipprotoTcp = 6;
        const int tcpInfo = 11;
        const int totalRetrans = 100;
        Span<byte> info = stackalloc byte[totalRetrans + sizeof(int)];
        _from.GetRawSocketOption(ipprotoTcp, tcpInfo, info);
        return BitConverter.ToInt32(info[totalRetrans..]);
    }

    /// <summary>Bytes so far.</summary>
    public long Arrived => Volatile.Read(ref _arrived);

    /// <summary>Stops sending, waits until all has arrived, and returns the figures.</summary>
    public TcpSummary Stop()
    {
        _isSending = false;
        _receiver.Join();
        _sender.Join();
        long bytes = _arrived;
        long stall = 0;
        for (int i = 1; i < _arrivals.Count; i++)
        {
            stall = Math.Max(stall, _arrivals[i].When - _arrivals[i - 1].When);
        }
        string? failure = _failure ?? (bytes == _sent ? null : $"{_sent} bytes were sent");
        return new TcpSummary(bytes, _wrong, failure, Stopwatch.GetElapsedTime(0, stall));
    }

    /// <summary>The longest time in which nothing arrived that lies between these two (Stopwatch.GetTimestamp), in part at least; after <see cref="Stop"/>.</summary>
    public TimeSpan LongestStallBetween(long from, long to) => Stopwatch.GetElapsedTime(0, _arrivals.Zip(_arrivals.Skip(1))
        .Where(pair => pair.Second.When > from && pair.First.When < to).Select(pair => pair.Second.When - pair.First.When).DefaultIfEmpty().Max());

    /// <summary>Megabits a second that arrived in each interval, against seconds since <paramref name="start"/>; after <see cref="Stop"/>.</summary>
    public IReadOnlyList<(double X, double Y)> RateSeries(long start, TimeSpan interval) =>
        [.. _arrivals.GroupBy(arrival => (long)(Stopwatch.GetElapsedTime(start, arrival.When) / interval))
            .Select(bin => ((bin.Key + 0.5) * interval.TotalSeconds, bin.Sum(arrival => arrival.Bytes) * 8 / interval.TotalSeconds / 1e6))];

    public void Dispose()
    {
        _isSending = false;
        _from.Dispose();
        _to.Dispose();
        _sender.Join();
        _receiver.Join();
    }

    private static Socket Open() => new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    /// <summary>The byte that belongs at this place: no two places near each other look alike, so that what is shifted shows.</summary>
    private static byte ByteAt(long place) => (byte)(((ulong)place * 0x9e37_79b9_7f4a_7c15) >> 56);

    private void Send()
    {
        byte[] chunk = new byte[ChunkLength];
        var pace = new Pace(_chunksPerSecond);
        try
        {
            _from.SendTimeout = (int)EndPatience.TotalMilliseconds;
            while (_isSending)
            {
                while (_isSending && _sent < pace.Due * ChunkLength)
                {
                    for (int i = 0; i < chunk.Length; i++)
                    {
                        chunk[i] = ByteAt(_sent + i);
                    }
                    _from.Send(chunk);
                    _sent += chunk.Length;
                }
                Thread.Sleep(1);
            }
            _from.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            _failure ??= $"sending: {e.Message}";
        }
    }

    private void Receive()
    {
        byte[] buffer = new byte[1 << 16];
        long place = 0;
        try
        {
            _to.ReceiveTimeout = (int)EndPatience.TotalMilliseconds; // what is dead for so long is dead
            int length;
            while ((length = _to.Receive(buffer)) > 0)
            {
                _arrivals.Add((Stopwatch.GetTimestamp(), length));
                Volatile.Write(ref _arrived, _arrived + length);
                for (int i = 0; i < length; i++)
                {
                    _wrong += buffer[i] == ByteAt(place + i) ? 0 : 1;
                }
                place += length;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            _failure ??= $"receiving: {e.Message}";
            _isSending = false;
        }
    }
}
