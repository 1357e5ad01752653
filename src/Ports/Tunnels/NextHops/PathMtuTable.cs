using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Tunnels.NextHops;

/// <summary>How long outer packets to a remote end may be, as routers on the way said (RFC 1191).</summary>
/// <remarks>
/// An entry only ever gets lower, and is forgotten ten minutes after it last did (RFC 1191 §6.3), so that a wider path is found. Bounded: the one that would be
/// forgotten first makes room. Threads: any, under a lock; workers ask when the <see cref="Generation"/> changed.
/// </remarks>
internal sealed class PathMtuTable(Generation generation)
{
    public const int Capacity = 1024;

    /// <summary>Milliseconds.</summary>
    public const int Lifetime = 600_000;

    /// <summary>Messages about a smaller MTU are ignored, as in Linux (ip_rt_min_pmtu): else one message could make a path useless.</summary>
    public const int Least = 552;

    /// <summary>The MTU of a path that is not known to be narrower.</summary>
    public const int Unlimited = ushort.MaxValue;

    private readonly Lock _lock = new();
    private readonly Dictionary<uint, (int Mtu, long LoweredAt)> _entries = [];

    /// <summary>Bytes of the longest IP packet; <see cref="Unlimited"/> where no router said anything.</summary>
    public int Find(Be32 remote)
    {
        lock (_lock)
        {
            return _entries.TryGetValue(remote.Raw, out (int Mtu, long LoweredAt) entry) ? entry.Mtu : Unlimited;
        }
    }

    /// <summary>A router could not pass on a packet.</summary>
    /// <param name="remote">Where it was going.</param>
    /// <param name="length">Of the packet: bytes of its IP header and all behind it.</param>
    /// <param name="mtu">The MTU in the router's message; 0 if it names none.</param>
    public void Lower(Be32 remote, int length, int mtu, long now)
    {
        int believed = Math.Max(Least, mtu == 0 ? PlateauBelow(length) : mtu);
        lock (_lock)
        {
            bool isKnown = _entries.TryGetValue(remote.Raw, out (int Mtu, long LoweredAt) entry);
            if (isKnown && entry.Mtu < believed)
            {
                return; // about a packet sent before
            }
            if (!isKnown && _entries.Count == Capacity)
            {
                _entries.Remove(_entries.MinBy(other => other.Value.LoweredAt).Key);
            }
            _entries[remote.Raw] = (believed, now);
            if (isKnown && entry.Mtu == believed)
            {
                return;
            }
        }
        generation.Advance();
    }

    /// <summary>Removes entries that are too old.</summary>
    public void Expire(long now)
    {
        bool changed = false;
        lock (_lock)
        {
            foreach ((uint remote, (int _, long loweredAt)) in _entries)
            {
                changed |= now - loweredAt >= Lifetime && _entries.Remove(remote);
            }
        }
        if (changed)
        {
            generation.Advance();
        }
    }

    /// <summary>Writes what is known, for another process to go on with.</summary>
    public void Save(BinaryWriter to, long now)
    {
        lock (_lock)
        {
            to.Write(_entries.Count);
            foreach ((uint remote, (int mtu, long loweredAt)) in _entries)
            {
                to.Write(remote);
                to.Write(mtu);
                to.Write(now - loweredAt);
            }
        }
    }

    /// <summary>Knows what <see cref="Save"/> wrote.</summary>
    public void Restore(BinaryReader from, long now)
    {
        lock (_lock)
        {
            for (int known = from.ReadInt32(); known > 0; known--)
            {
                _entries[from.ReadUInt32()] = (from.ReadInt32(), now - from.ReadInt64());
            }
        }
        generation.Advance();
    }

    // RFC 1191 §7.1: the MTUs that links really have.
    private static int PlateauBelow(int length)
    {
        foreach (int plateau in (ReadOnlySpan<int>)[32000, 17914, 8166, 4352, 2002, 1492, 1006])
        {
            if (plateau < length)
            {
                return plateau;
            }
        }
        return Least;
    }
}
