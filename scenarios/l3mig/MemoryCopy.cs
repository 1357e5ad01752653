using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>What became of a copy.</summary>
/// <param name="Wrong">Pieces that were not what was sent there.</param>
/// <param name="Failure">Why the connection broke; null if all that was sent arrived.</param>
internal sealed record CopySummary(long Bytes, int Wrong, string? Failure)
{
    public bool IsWhole => Failure == null && Wrong == 0 && Bytes > 0;

    public override string ToString() => $"{Bytes / 1e6:0} MB{(IsWhole ? ", all of it right" : $", {Wrong} pieces wrong, {Failure ?? "connection alive"}")}";
}

/// <summary>A bulk copy over TCP from one hypervisor to the other, every byte of which is compared, until it is stopped.</summary>
/// <remarks>Threads: made, stopped and disposed of by one.</remarks>
internal sealed class MemoryCopy : IDisposable
{
    private const int PatternLength = 1 << 20;
    private const int ChunkLength = 1 << 16;
    private const int Seed = 20_100_301;
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(30);

    private readonly byte[] _pattern = new byte[PatternLength];
    private readonly Socket _from;
    private readonly Socket _to;
    private readonly List<(long When, long Bytes)> _progress = [];
    private readonly Thread _sender;
    private readonly Thread _receiver;
    private volatile RateLimit? _limit;
    private volatile bool _isSending = true;
    private volatile bool _isHandedOver;
    private volatile string? _failure;
    private long _total = long.MaxValue; // where it ends on a connection that goes on
    private long _most; // what it sends before it waits
    private long _arrivedAt;
    private long _sent;
    private long _received;
    private int _wrong;

    private MemoryCopy(Socket from, Socket to, long most)
    {
        _most = most;
        new Random(Seed).NextBytes(_pattern);
        _from = from;
        _to = to;
        _sender = new Thread(Send) { IsBackground = true, Name = "send copy" };
        _receiver = new Thread(Receive) { IsBackground = true, Name = "receive copy" };
        _receiver.Start();
        _sender.Start();
    }

    /// <summary>Bytes that have arrived so far.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>When the last of them did (Stopwatch.GetTimestamp).</summary>
    public long ArrivedAt => Volatile.Read(ref _arrivedAt);

    /// <summary>Why the connection broke; null while it has not.</summary>
    public string? Failure => _failure;

    /// <summary>Connects and starts sending, as fast as it goes.</summary>
    /// <param name="address">Of the receiver.</param>
    /// <param name="fromPort">The sender's port: known beforehand, as the connection's entries are made before it.</param>
    /// <param name="most">As of <see cref="Bound"/>.</param>
    /// <exception cref="TestbedException">No connection in time.</exception>
    public static MemoryCopy Start(LabHost from, LabHost to, Be32 address, ushort fromPort, ushort toPort, long most = long.MaxValue)
    {
        using Socket listener = to.Run(Open);
        Socket sender = from.Run(Open);
        try
        {
            listener.Bind(new IPEndPoint(IPAddress.Any, toPort));
            listener.Listen();
            sender.Bind(new IPEndPoint(IPAddress.Any, fromPort));
            using var limit = new CancellationTokenSource(ScenarioRun.Patience);
            sender.ConnectAsync(new IPEndPoint(new IPAddress(address.Raw), toPort), limit.Token).AsTask().GetAwaiter().GetResult();
            return listener.Poll(ScenarioRun.Patience, SelectMode.SelectRead)
                ? new MemoryCopy(sender, listener.Accept(), most)
                : throw new TestbedException($"copy from {from.Name} to {to.Name}: connected to something else");
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            sender.Dispose();
            throw new TestbedException($"copy from {from.Name} to {to.Name}: no connection: {e.Message}", e);
        }
        catch
        {
            sender.Dispose();
            throw;
        }
    }

    /// <summary>Sends no more than this from now on, as hypervisors can be told to; next to nothing with 0.</summary>
    public void Limit(double bytesPerSecond) => _limit = new RateLimit(new Pace(bytesPerSecond / ChunkLength), Volatile.Read(ref _sent));

    /// <summary>Sends no more than so many bytes in all, and then waits.</summary>
    public void Bound(long most) => Volatile.Write(ref _most, most);

    /// <summary>Sends as fast as it goes from now on.</summary>
    public void Unlimit() => _limit = null;

    /// <summary>Lets it run for a time.</summary>
    /// <returns>Bits a second that arrived.</returns>
    public double Measure(ScenarioRun run, TimeSpan time)
    {
        long began = Stopwatch.GetTimestamp();
        long before = Received;
        run.Wait(time);
        return (Received - before) * 8 / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    /// <summary>Megabits a second that arrived, against seconds since <paramref name="start"/>; after <see cref="Stop"/>.</summary>
    public IReadOnlyList<(double X, double Y)> RateSeries(long start) =>
        [.. _progress.Zip(_progress.Skip(1), (a, b) => (
            Stopwatch.GetElapsedTime(start, b.When).TotalSeconds, (b.Bytes - a.Bytes) * 8 / Stopwatch.GetElapsedTime(a.When, b.When).TotalSeconds / 1e6))];

    /// <summary>Ends as <see cref="Stop"/> does, but leaves the connection open, with nothing under way: for what else the hypervisors have to send by it.</summary>
    /// <param name="from">The sender's end; as <paramref name="to"/>, open until the copy is disposed of.</param>
    public CopySummary HandOver(out Socket from, out Socket to)
    {
        _isHandedOver = true;
        _isSending = false;
        _sender.Join();
        _receiver.Join();
        (from, to) = (_from, _to);
        return Summarise();
    }

    /// <summary>Stops sending, waits until all has arrived, and closes the connection.</summary>
    public CopySummary Stop()
    {
        Dispose(breaksOff: false);
        return Summarise();
    }

    public void Dispose() => Dispose(breaksOff: true);

    private static Socket Open()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        return socket;
    }

    private CopySummary Summarise() => new(_received, _wrong, _failure ?? (_received == _sent ? null : $"{_sent} bytes were sent"));

    /// <param name="breaksOff">Whether it is not to wait for what is under way.</param>
    private void Dispose(bool breaksOff)
    {
        _isSending = false;
        if (breaksOff)
        {
            _from.Dispose();
            _to.Dispose();
        }
        _sender.Join();
        _receiver.Join();
        _from.Dispose();
        _to.Dispose();
    }

    private void Send()
    {
        try
        {
            _from.SendTimeout = (int)EndPatience.TotalMilliseconds; // what takes nothing for so long is dead
            while (_isSending)
            {
                while (_isSending && _sent < Volatile.Read(ref _most) && (_limit is not { } limit || _sent - limit.From < limit.Pace.Due * ChunkLength))
                {
                    SendSome();
                }
                Thread.Sleep(1);
            }
            if (_isHandedOver)
            {
                // The receiver knows the end before it has what leads there: it must not wait for more.
                Volatile.Write(ref _total, _sent + ChunkLength);
                while (_sent < _total)
                {
                    SendSome();
                }
            }
            else
            {
                _from.Shutdown(SocketShutdown.Send);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            _failure ??= $"sending: {e.Message}";
        }
    }

    private void SendSome()
    {
        int place = (int)(_sent % PatternLength);
        long left = Math.Max(0, (_isHandedOver ? _total : Volatile.Read(ref _most)) - _sent);
        int length = (int)Math.Min(Math.Min(ChunkLength, PatternLength - place), left);
        Volatile.Write(ref _sent, _sent + _from.Send(_pattern.AsSpan(place, length)));
    }

    private void Receive()
    {
        byte[] buffer = new byte[ChunkLength];
        try
        {
            _to.ReceiveTimeout = (int)EndPatience.TotalMilliseconds;
            while (_received < Volatile.Read(ref _total))
            {
                // Not beyond the pattern's end, so that what came is one piece of it.
                int place = (int)(_received % PatternLength);
                int length = _to.Receive(buffer.AsSpan(0, Math.Min(ChunkLength, PatternLength - place)));
                if (length == 0)
                {
                    return;
                }
                _wrong += buffer.AsSpan(0, length).SequenceEqual(_pattern.AsSpan(place, length)) ? 0 : 1;
                long now = Stopwatch.GetTimestamp();
                Volatile.Write(ref _arrivedAt, now);
                Volatile.Write(ref _received, _received + length);
                Note(now);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            _failure ??= $"receiving: {e.Message}";
            _isSending = false;
        }
    }

    private void Note(long now)
    {
        if (_progress.Count == 0 || Stopwatch.GetElapsedTime(_progress[^1].When, now) > ProgressInterval)
        {
            _progress.Add((now, _received));
        }
    }

    private sealed record RateLimit(Pace Pace, long From);
}
