using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Headers;

namespace Softswitch.Lab.Measures;

/// <summary>A TCP connection's end.</summary>
/// <param name="Bytes">Bytes that arrived.</param>
/// <param name="WrongBytes">Of them, those that are not what was sent there.</param>
/// <param name="Failure">Why the connection broke; null if it lived to the end and all that was sent arrived.</param>
/// <param name="LongestStall">The longest time in which nothing arrived.</param>
internal sealed record TcpSummary(long Bytes, long WrongBytes, string? Failure, TimeSpan LongestStall)
{
    public bool IsWhole => Failure == null && WrongBytes == 0 && Bytes > 0;

    public override string ToString() =>
        $"{Bytes} bytes, {WrongBytes} wrong, longest stall {LongestStall.TotalMilliseconds:0} ms, {(Failure == null ? "connection alive" : $"connection broken: {Failure}")}";
}

/// <summary>A TCP connection from one host to another that carries a known content, every byte of which is checked, until it is stopped.</summary>
/// <remarks>Threads: made, stopped and disposed of by one.</remarks>
internal sealed class TcpStream : IDisposable
{
    private const int PatternLength = 1 << 20;
    private const int Seed = 20_100_301;

    // Of a write: small ones at a steady rate, large ones as fast as it goes.
    private const int SteadyChunk = 1400;
    private const int LargeChunk = 1 << 16;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // What arrives within this time is one arrival: gigabytes come in millions of pieces.
    private static readonly TimeSpan OneArrival = TimeSpan.FromMilliseconds(1);

    private readonly byte[] _pattern = new byte[PatternLength];
    private readonly Socket _from;
    private readonly Socket _to;
    private readonly int _chunk;
    private readonly Thread _sender;
    private readonly Thread _receiver;
    private readonly List<(long When, long Bytes)> _arrivals = [];
    private volatile RateLimit? _limit;
    private volatile bool _isSending = true;
    private volatile bool _isHandedOver;
    private volatile string? _failure;
    private long _total = long.MaxValue; // where it ends on a connection that goes on
    private long _most; // what it sends before it waits
    private long _sent;
    private long _arrived;
    private long _arrivedAt;
    private long _wrong;

    private TcpStream(Socket from, Socket to, int chunk, double? bytesPerSecond, long most)
    {
        new Random(Seed).NextBytes(_pattern);
        (_from, _to, _chunk, _most) = (from, to, chunk, most);
        if (bytesPerSecond is { } limit)
        {
            Limit(limit);
        }
        _sender = new Thread(Send) { IsBackground = true, Name = "send TCP" };
        _receiver = new Thread(Receive) { IsBackground = true, Name = "receive TCP" };
        _receiver.Start();
        _sender.Start();
    }

    /// <summary>Connects and starts sending at a steady rate.</summary>
    /// <param name="to">Where it arrives. A guest sends it all back, and that is what arrives and is checked.</param>
    /// <exception cref="TestbedException">No connection within half a minute.</exception>
    public static TcpStream Start(LabHost from, IMobileHost to, ushort port, double bytesPerSecond) =>
        Connect(from, fromPort: 0, to, to.Address, port, (sender, receiver) => new TcpStream(sender, receiver, SteadyChunk, bytesPerSecond, long.MaxValue));

    /// <summary>Connects and starts a bulk copy, as fast as it goes.</summary>
    /// <param name="address">Of the receiver.</param>
    /// <param name="fromPort">The sender's port: known beforehand, as the connection's entries are made before it.</param>
    /// <param name="most">As of <see cref="Bound"/>.</param>
    /// <exception cref="TestbedException">No connection within half a minute.</exception>
    public static TcpStream StartCopy(LabHost from, LabHost to, Be32 address, ushort fromPort, ushort toPort, long most = long.MaxValue) =>
        Connect(from, fromPort, to, address, toPort, (sender, receiver) => new TcpStream(sender, receiver, LargeChunk, bytesPerSecond: null, most));

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

    /// <summary>When the last of them did (Stopwatch.GetTimestamp).</summary>
    public long ArrivedAt => Volatile.Read(ref _arrivedAt);

    /// <summary>Why the connection broke; null while it has not.</summary>
    public string? Failure => _failure;

    /// <summary>Sends no more than this from now on, as hypervisors can be told to; next to nothing with 0.</summary>
    public void Limit(double bytesPerSecond) => _limit = new RateLimit(new Pace(bytesPerSecond / _chunk), Volatile.Read(ref _sent));

    /// <summary>Sends no more than so many bytes in all, and then waits.</summary>
    public void Bound(long most) => Volatile.Write(ref _most, most);

    /// <summary>Sends as fast as it goes from now on.</summary>
    public void Unlimit() => _limit = null;

    /// <summary>Stops sending, waits until all has arrived, and returns the figures.</summary>
    public TcpSummary Stop()
    {
        _isSending = false;
        _sender.Join();
        _receiver.Join();
        string? failure = _failure ?? (_arrived == _sent ? null : $"{_sent} bytes were sent");
        return new TcpSummary(_arrived, _wrong, failure, LongestStallBetween(long.MinValue, long.MaxValue));
    }

    /// <summary>Ends as <see cref="Stop"/> does, but leaves the connection open, with nothing under way: for what else is to be sent by it.</summary>
    /// <param name="from">The sender's end; as <paramref name="to"/>, open until the stream is disposed of.</param>
    public TcpSummary HandOver(out Socket from, out Socket to)
    {
        (from, to) = (_from, _to);
        _isHandedOver = true;
        return Stop();
    }

    /// <summary>The longest time in which nothing arrived that lies between these two (Stopwatch.GetTimestamp), in part at least; after <see cref="Stop"/>.</summary>
    public TimeSpan LongestStallBetween(long from, long to) => Statistic.LongestGap(_arrivals.Select(arrival => arrival.When), from, to);

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

    private static TcpStream Connect(LabHost from, ushort fromPort, IMobileHost to, Be32 address, ushort port, Func<Socket, Socket, TcpStream> start)
    {
        using Socket? listener = to.Listen(ProtocolType.Tcp, port);
        Socket sender = from.Run(static () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        try
        {
            using var limit = new CancellationTokenSource(Patience);
            sender.Bind(new IPEndPoint(IPAddress.Any, fromPort));
            sender.ConnectAsync(new IPEndPoint(new IPAddress(address.Raw), port), limit.Token).AsTask().GetAwaiter().GetResult();
            Socket receiver = listener == null ? sender
                : listener.Poll(Patience, SelectMode.SelectRead) ? listener.Accept()
                : throw new TestbedException($"TCP from {from.Name} to {to.Name}: connected to something else");
            return start(sender, receiver);
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

    private void Send()
    {
        try
        {
            _from.SendTimeout = (int)Patience.TotalMilliseconds; // what takes nothing for so long is dead
            while (_isSending)
            {
                while (_isSending && _sent < Volatile.Read(ref _most) && (_limit is not { } limit || _sent - limit.From < limit.Pace.Due * _chunk))
                {
                    SendSome(Volatile.Read(ref _most));
                }
                Thread.Sleep(1);
            }
            if (!_isHandedOver)
            {
                _from.Shutdown(SocketShutdown.Send);
                return;
            }
            // The receiver knows the end before it has what leads there: it must not wait for more.
            Volatile.Write(ref _total, _sent + _chunk);
            while (_sent < _total)
            {
                SendSome(_total);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            _failure ??= $"sending: {e.Message}";
        }
    }

    private void SendSome(long most)
    {
        int place = (int)(_sent % PatternLength);
        int length = (int)Math.Min(Math.Min(_chunk, PatternLength - place), Math.Max(0, most - _sent));
        Volatile.Write(ref _sent, _sent + _from.Send(_pattern.AsSpan(place, length)));
    }

    private void Receive()
    {
        byte[] buffer = new byte[LargeChunk];
        try
        {
            _to.ReceiveTimeout = (int)Patience.TotalMilliseconds; // what is dead for so long is dead
            while (_arrived < Volatile.Read(ref _total))
            {
                // Not beyond the pattern's end, so that what came is one piece of it.
                int place = (int)(_arrived % PatternLength);
                int length = _to.Receive(buffer.AsSpan(0, Math.Min(LargeChunk, PatternLength - place)));
                if (length == 0)
                {
                    return;
                }
                long now = Stopwatch.GetTimestamp();
                ReadOnlySpan<byte> piece = buffer.AsSpan(0, length);
                ReadOnlySpan<byte> wanted = _pattern.AsSpan(place, length);
                _wrong += piece.SequenceEqual(wanted) ? 0 : CountDifferent(piece, wanted);
                Note(now, length);
                Volatile.Write(ref _arrivedAt, now);
                Volatile.Write(ref _arrived, _arrived + length);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            _failure ??= $"receiving: {e.Message}";
            _isSending = false;
        }
    }

    private static int CountDifferent(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        int different = 0;
        for (int i = 0; i < one.Length; i++)
        {
            different += one[i] == other[i] ? 0 : 1;
        }
        return different;
    }

    private void Note(long now, int length)
    {
        if (_arrivals.Count > 0 && Stopwatch.GetElapsedTime(_arrivals[^1].When, now) < OneArrival)
        {
            _arrivals[^1] = (_arrivals[^1].When, _arrivals[^1].Bytes + length);
        }
        else
        {
            _arrivals.Add((now, length));
        }
    }

    private sealed record RateLimit(Pace Pace, long From);
}
