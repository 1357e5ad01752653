namespace Softswitch.OfAgent.Agent;

/// <summary>Bounds how long a peer may take over what it owes: its handshake, and the rest of a message that it began.</summary>
/// <remarks>
/// Only the time in which the switch waits for the peer counts, not what it takes itself. What has come of a message buys time for more, so that a long
/// message may come over a slow link. Threads: the connection's reader; <see cref="IsOver"/> is for any.
/// </remarks>
internal sealed class PeerTimeout(TimeProvider time)
{
    /// <summary>What a message may take, whatever its length.</summary>
    public static readonly TimeSpan Grace = AgentOptions.ConnectTimeout;

    /// <summary>The slowest link that we serve.</summary>
    public const int BytesPerSecond = 1024;

    private long _deadline = long.MaxValue;
    private long _waitingSince;
    private TimeSpan _spent;

    public bool IsOver => time.GetTimestamp() >= Volatile.Read(ref _deadline);

    /// <param name="received">Bytes of what is owed that are here.</param>
    public void BeginWait(int received)
    {
        TimeSpan left = Grace + TimeSpan.FromSeconds((double)received / BytesPerSecond) - _spent;
        _waitingSince = time.GetTimestamp();
        Volatile.Write(ref _deadline, _waitingSince + (long)(left.TotalSeconds * time.TimestampFrequency));
    }

    /// <summary>Something came, if not all that was owed.</summary>
    public void EndWait()
    {
        if (_deadline != long.MaxValue)
        {
            Volatile.Write(ref _deadline, long.MaxValue);
            _spent += time.GetElapsedTime(_waitingSince);
        }
    }

    /// <summary>What was owed is here.</summary>
    public void Reset() => _spent = TimeSpan.Zero;
}
