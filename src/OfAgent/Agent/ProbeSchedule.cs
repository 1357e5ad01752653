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

/// <summary>Decides when to ask a peer for an echo, once an interval: a silent peer because it may be gone, a busy one to measure its latency.</summary>
/// <remarks>A peer is always asked before it is given up, even if <see cref="Look"/> is called late. Threads: one at a time.</remarks>
/// <param name="tick">The time between two calls of <see cref="Look"/>.</param>
internal sealed class ProbeSchedule(TimeProvider time, TimeSpan interval, TimeSpan tick)
{
    private int _sent;
    private long _sentAt;
    private long _askedAt = time.GetTimestamp();

    /// <summary>The silence after which a peer is given up.</summary>
    public TimeSpan Patience => interval * AgentOptions.ProbesUntilClose;

    /// <param name="heard">Timestamp of the peer's last sign of life.</param>
    /// <param name="isBusy">Whether the peer may be asked although it is not silent.</param>
    public ProbeDecision Look(long heard, bool isBusy)
    {
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
