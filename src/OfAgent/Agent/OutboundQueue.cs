using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>The messages that a connection has yet to send: replies and asynchronous messages, in the order they were made.</summary>
/// <remarks>
/// <para>
/// Naively the thread that makes a message would write it to the socket. Then a slow controller would hold up the holder of the control lock, and
/// so all threads. Here messages are appended to memory, and two threads of this connection write them: the reader after each chunk it handled, the
/// writer when other threads have appended messages. Two buffers swap roles: one is appended to
/// while the other is written.
/// </para>
/// <para>
/// Locks: <c>_writing</c> before <c>_appending</c>, control lock before <c>_appending</c>; no thread waits for <c>_writing</c> with the control lock held.
/// Memory: replies are bounded by the reader, which stops handling messages beyond <see cref="ReplyLimit"/> until they are
/// written; flow-removed beyond <see cref="FlowRemovedLimit"/> wait in the flow table for a peer that reads; packet-ins beyond
/// <see cref="PacketInLimit"/> are dropped and counted; beyond <see cref="StateLimit"/> nothing fits.
/// </para>
/// </remarks>
internal sealed class OutboundQueue(TimeProvider time) : IDisposable
{
    /// <summary>Bytes of replies after which they are written before the next message is handled.</summary>
    public const int ReplyLimit = 128 * 1024;

    /// <summary>Bytes waiting beyond which a packet-in is dropped.</summary>
    public const int PacketInLimit = 1024 * 1024;

    /// <summary>Bytes waiting beyond which flow-removed stay in the flow table, and how long the table waits for a peer that reads nothing.</summary>
    public const int FlowRemovedLimit = 256 * 1024;
    public static readonly TimeSpan FlowRemovedPatience = TimeSpan.FromSeconds(3);

    /// <summary>Bytes waiting beyond which flow-removed and port-status no longer fit: the connection ends rather than lose one unnoticed.</summary>
    public const int StateLimit = 8 * 1024 * 1024;

    private readonly Lock _writing = new();
    private readonly Lock _appending = new();
    private readonly SemaphoreSlim _wake = new(0);
    private OfBuffer _pending = OfBuffer.Pool.Get();
    private OfBuffer _spare = OfBuffer.Pool.Get();
    private int _signalled;
    private long? _crowdedSince;
    private bool _readerAppends;

    /// <summary>Held around every append.</summary>
    public Lock Appending => _appending;

    /// <summary>Where to append; under <see cref="Appending"/> only.</summary>
    public OfBuffer Pending => _pending;

    /// <summary>Packet-ins this connection lost because it reads too slowly.</summary>
    public long DroppedPacketIns { get; private set; }

    /// <summary>Says that the reader appends until <see cref="EndReader"/> and flushes then, so the writer need not be woken.</summary>
    public void BeginReader() => _readerAppends = true;

    public void EndReader() => _readerAppends = false;

    /// <summary>Whether a packet-in may be appended; counts it if not. Under <see cref="Appending"/>.</summary>
    public bool AdmitPacketIn()
    {
        if (_pending.Length < PacketInLimit)
        {
            return true;
        }
        DroppedPacketIns++;
        return false;
    }

    /// <summary>Whether a flow-removed or port-status may be appended. Under <see cref="Appending"/>.</summary>
    public bool AdmitState() => _pending.Length < StateLimit;

    /// <summary>Whether few bytes wait; or the peer has read too little for so long that the table must not wait for it. Under the control lock.</summary>
    public bool HasRoomForFlowRemoved()
    {
        lock (_appending)
        {
            if (_pending.Length < FlowRemovedLimit)
            {
                _crowdedSince = null;
                return true;
            }
        }
        _crowdedSince ??= time.GetTimestamp();
        return time.GetElapsedTime(_crowdedSince.Value) > FlowRemovedPatience;
    }

    /// <summary>Makes the writer thread write the appended messages; never blocks.</summary>
    public void Wake()
    {
        if (!_readerAppends && Interlocked.Exchange(ref _signalled, 1) == 0)
        {
            _wake.Release();
        }
    }

    /// <summary>Blocks the writer thread until <see cref="Wake"/>.</summary>
    public void WaitForWake()
    {
        _wake.Wait();
        Volatile.Write(ref _signalled, 0);
    }

    /// <summary>Writes the pending messages; blocks as long as the peer does not read. Not with the control lock held.</summary>
    /// <exception cref="IOException">The connection is gone.</exception>
    public void Flush(Stream stream)
    {
        lock (_writing)
        {
            lock (_appending)
            {
                if (_pending.Length == 0)
                {
                    return;
                }
                (_pending, _spare) = (_spare, _pending);
            }
            try
            {
                stream.Write(_spare.Written);
            }
            finally
            {
                Recycle();
            }
        }
    }

    /// <summary>Ends our direction of the channel once no thread writes to it.</summary>
    public void EndSending(IChannel channel)
    {
        lock (_writing)
        {
            channel.EndSending();
        }
    }

    /// <summary>After both threads ended.</summary>
    public void Dispose()
    {
        OfBuffer.Pool.Return(_pending);
        OfBuffer.Pool.Return(_spare);
        _wake.Dispose();
    }

    /// <summary>Empties the buffer just written; one that grew large is given away, so that a burst does not stay in memory.</summary>
    private void Recycle()
    {
        if (_spare.Size > OfBuffer.LargestPooledSize)
        {
            OfBuffer.Pool.Return(_spare);
            _spare = OfBuffer.Pool.Get();
        }
        _spare.Reset();
    }
}
