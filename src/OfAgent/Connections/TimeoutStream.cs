using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Connections;

/// <summary>
/// Reads messages from a connection and writes to it at the same time, with a bound on the wait and without giving either up: the next call waits for
/// the same bytes.
/// </summary>
/// <remarks>
/// A stream's own read timeout will not do: under TLS a read that timed out may have taken part of a record. Allocates nothing once a read or write is under way.
/// Threads: one at a time. Messages stay valid until the next call that waits.
/// </remarks>
#pragma warning disable CA2012 // each is consumed once, by the method that ends it; a task would be an allocation each time
#pragma warning disable CA1001 // the event holds nothing to dispose of unless its wait handle is asked for
internal sealed class TimeoutStream
{
    private readonly IChannel _channel;
    private readonly OfFramer _framer = new();

    // Set by the thread that ends a read or write. A wait spins and yields before it sleeps: an answer from this machine often comes within microseconds.
    private readonly ManualResetEventSlim _changed = new();
    private readonly Action _onRead;
    private readonly Action _onWritten;

    // Set by these calls alone, not by asking the tasks: a stream that uses their memory again, as TLS does, is not done with it until it has called.
    private volatile bool _isRead;
    private volatile bool _isWritten;
    private ValueTask<int> _read;
    private ValueTask _write;
    private bool _isReading;
    private bool _isWriting;

    /// <param name="channel">Stays the caller's.</param>
    public TimeoutStream(IChannel channel)
    {
        _channel = channel;
        _onRead = () =>
        {
            _isRead = true;
            _changed.Set();
        };
        _onWritten = () =>
        {
            _isWritten = true;
            _changed.Set();
        };
    }

    /// <summary>Begins to write what must not change until <see cref="TryEndWrite"/>.</summary>
    public void BeginWrite(ReadOnlyMemory<byte> bytes)
    {
        _isWritten = false;
        _write = _channel.Stream.WriteAsync(bytes);
        _isWriting = true;
        var awaiter = _write.ConfigureAwait(false).GetAwaiter();
        if (awaiter.IsCompleted)
        {
            _isWritten = true;
        }
        else
        {
            awaiter.UnsafeOnCompleted(_onWritten);
        }
    }

    /// <returns>Whether no write is under way.</returns>
    /// <exception cref="IOException">The connection is gone.</exception>
    public bool TryEndWrite()
    {
        if (_isWriting && _isWritten)
        {
            _isWriting = false;
            _write.GetAwaiter().GetResult();
        }
        return !_isWriting;
    }

    /// <summary>The next message that was read whole.</summary>
    /// <param name="failure">What the peer did that leaves nothing more to be read; null as long as there may be more.</param>
    /// <returns>False if none is there.</returns>
    public bool TryTake(out ReadOnlySpan<byte> message, out OfHeader header, out string? failure)
    {
        FramingResult result = _framer.TryRead(out message);
        OfHeader.TryDecode(message, out header);
        failure = result == FramingResult.BadLength ? "sent a message with an impossible length" : null;
        return result == FramingResult.Message;
    }

    /// <summary>Takes what the read under way brought, if it is finished, for <see cref="TryTake"/>.</summary>
    /// <param name="count">Bytes that came; 0 when the peer has closed.</param>
    /// <returns>False while it goes on, or if none was begun.</returns>
    /// <exception cref="IOException">The connection is gone.</exception>
    public bool TryEndRead(out int count)
    {
        count = 0;
        if (!_isReading || !_isRead)
        {
            return false;
        }
        _isReading = false;
        count = _read.GetAwaiter().GetResult();
        _framer.Advance(count);
        return true;
    }

    /// <summary>Waits until something was read, or what is being written is, beginning to read if need be.</summary>
    /// <returns>False if it took longer than this.</returns>
    public bool Wait(TimeSpan patience)
    {
        long deadline = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        if (!_isReading)
        {
            _isRead = false;
            _read = _channel.Stream.ReadAsync(_framer.Free());
            _isReading = true;
            var awaiter = _read.ConfigureAwait(false).GetAwaiter();
            if (awaiter.IsCompleted)
            {
                _isRead = true;
            }
            else
            {
                awaiter.UnsafeOnCompleted(_onRead);
            }
        }
        while (!_isRead && !(_isWriting && _isWritten))
        {
            if (!_changed.Wait((int)long.Clamp(deadline - Environment.TickCount64, 0, int.MaxValue)))
            {
                return false;
            }
            _changed.Reset();
        }
        return true;
    }

    /// <summary>Reads, waiting no longer than this.</summary>
    /// <returns>False if nothing came.</returns>
    /// <exception cref="IOException">The connection is gone.</exception>
    public bool TryRead(TimeSpan patience, out int count)
    {
        Wait(patience);
        return TryEndRead(out count);
    }
}
