namespace Softswitch.OfAgent.Agent;

/// <summary>What is to be done about a peer's silence.</summary>
internal enum ProbeDecision
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It is asked for an echo.</summary>
    Ask,

    /// <summary>It was asked and was silent for too long.</summary>
    Close,
}

/// <summary>When a peer is asked for an echo: once an interval, a silent one because it may be gone, a busy one for its latency.</summary>
/// <remarks>However late it is looked, a peer is asked before it is given up. Threads: one at a time.</remarks>
/// <param name="tick">How often it is looked.</param>
internal sealed class ProbeSchedule(TimeProvider time, TimeSpan interval, TimeSpan tick)
{
    private int _sent;
    private long _sentAt;
    private long _askedAt = time.GetTimestamp();

    /// <summary>The silence after which a peer is given up.</summary>
    public TimeSpan Patience => interval * AgentOptions.ProbesUntilClose;

    /// <param name="heard">When it was heard last: a timestamp.</param>
    /// <param name="isBusy">Whether it may be one of those that are asked although they are not silent.</param>
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
