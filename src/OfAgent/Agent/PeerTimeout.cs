namespace Softswitch.OfAgent.Agent;

/// <summary>Bounds how long a peer may take for its handshake, and for the rest of a message that it began.</summary>
/// <remarks>
/// Only time in which the switch waits for the peer counts, not the switch's own time. Each received KiB of a message adds a second, so that a
/// long message may come over a slow link. Threads: the connection's reader; <see cref="IsOver"/> is for any.
/// </remarks>
internal sealed class PeerTimeout(TimeProvider time)
{
    /// <summary>The time for a handshake or a message of any length, to which received bytes add.</summary>
    public static readonly TimeSpan Grace = AgentOptions.ConnectTimeout;

    /// <summary>The slowest link that we serve.</summary>
    public const int BytesPerSecond = 1024;

    private long _deadline = long.MaxValue;
    private long _waitingSince;
    private TimeSpan _spent;

    public bool IsOver => time.GetTimestamp() >= Volatile.Read(ref _deadline);

    /// <param name="received">Bytes of the message that have come.</param>
    public void BeginWait(int received)
    {
        TimeSpan left = Grace + TimeSpan.FromSeconds((double)received / BytesPerSecond) - _spent;
        _waitingSince = time.GetTimestamp();
        Volatile.Write(ref _deadline, _waitingSince + (long)(left.TotalSeconds * time.TimestampFrequency));
    }

    /// <summary>Some bytes came, perhaps not the whole message.</summary>
    public void EndWait()
    {
        if (_deadline != long.MaxValue)
        {
            Volatile.Write(ref _deadline, long.MaxValue);
            _spent += time.GetElapsedTime(_waitingSince);
        }
    }

    /// <summary>The whole message is here.</summary>
    public void Reset() => _spent = TimeSpan.Zero;
}
