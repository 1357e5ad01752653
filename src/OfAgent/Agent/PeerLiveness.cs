using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <summary>What the connection does about a peer's silence.</summary>
internal enum ProbeDecision
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It is asked for an echo.</summary>
    Ask,

    /// <summary>It was asked and was silent for too long.</summary>
    Close,
}

/// <summary>What a connection's reader thread does now.</summary>
internal enum ReaderActivity
{
    /// <summary>Waits for the peer to send.</summary>
    Reading = 0,

    /// <summary>Handles the peer's messages, or waits for a lock of the switch.</summary>
    Handling,

    /// <summary>Waits for the peer to read.</summary>
    Writing,
}

/// <summary>A peer's signs of life. It is asked for an echo once an interval: a silent peer because it may be gone, a busy one to measure its latency.</summary>
/// <remarks>
/// A peer is always asked before it is given up, even if <see cref="Look"/> is called late. It is not silent while the switch handles its message,
/// or has not read a message that has come. Threads: the reader writes <see cref="Reader"/>; <see cref="Look"/> is called by one at a time.
/// </remarks>
/// <param name="tick">The time between two calls of <see cref="Look"/>.</param>
internal sealed class PeerLiveness(TimeProvider time, TimeSpan interval, TimeSpan tick)
{
    private volatile ReaderActivity _reader;
    private long _lastSign;
    private int _sent;
    private long _sentAt;
    private long _askedAt = time.GetTimestamp();

    public ReaderActivity Reader
    {
        get => _reader;
        set => _reader = value;
    }

    /// <summary>Timestamp of the last sign of life.</summary>
    public long LastSign => Volatile.Read(ref _lastSign);

    /// <summary>The silence after which a peer is given up.</summary>
    public TimeSpan Patience => interval * AgentOptions.ProbesUntilClose;

    /// <summary>The peer gave a sign of life, or waits for the switch.</summary>
    public void Touch() => Volatile.Write(ref _lastSign, time.GetTimestamp());

    /// <param name="isBusy">Whether the peer may be asked although it is not silent.</param>
    public ProbeDecision Look(IChannel channel, bool isBusy)
    {
        ReaderActivity reader = _reader;
        if (reader == ReaderActivity.Handling || (reader == ReaderActivity.Reading && channel.HasInput))
        {
            Touch();
            isBusy = false;
        }
        long heard = LastSign;
        TimeSpan silence = time.GetElapsedTime(heard);
        int intervals = (int)(silence / interval);
        int sent = _sentAt > heard ? _sent : 0;
        bool wasAsked = sent > 0 && time.GetElapsedTime(_sentAt) >= interval;
        // At the next look it might be too late: without a controller the fail mode is due within the three intervals.
        if (wasAsked && silence + tick > Patience)
        {
            return ProbeDecision.Close;
        }
        bool isOverdue = intervals > sent;
        if (isOverdue)
        {
            _sentAt = sent == 0 ? time.GetTimestamp() : _sentAt;
        }
        _sent = intervals;
        if (!isOverdue && !(isBusy && silence < tick && time.GetElapsedTime(_askedAt) >= interval))
        {
            return ProbeDecision.None;
        }
        _askedAt = time.GetTimestamp();
        return ProbeDecision.Ask;
    }
}
