using System.Collections;
using Softswitch.Datapath.Headers;

namespace Softswitch.OfAgent.Learning;

/// <summary>Which port an address was last seen behind, per VLAN. Fixed in size: strangers' addresses cannot make it grow.</summary>
/// <remarks>
/// Sets of four entries; a new address takes the place of the one not seen for longest in its set. One thread at a time.
/// </remarks>
internal sealed class MacTable
{
    private const int Ways = 4;
    private const ulong Golden = 0x9e37_79b9_7f4a_7c15; // 2^64 / golden ratio: spreads neighbours over the sets
    private readonly Entry[] _entries;
    private readonly BitArray _closed = new(ushort.MaxValue + 1);
    private readonly int _shift;
    private readonly long _lifetimeMilliseconds;

    /// <param name="capacity">Entries, a power of two, at least 8.</param>
    /// <param name="lifetime">How long an address is remembered that is not seen.</param>
    public MacTable(int capacity, TimeSpan lifetime)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 2 * Ways);
        ArgumentOutOfRangeException.ThrowIfNotEqual(int.IsPow2(capacity), true, nameof(capacity));
        _entries = new Entry[capacity];
        _shift = 64 - int.Log2(capacity / Ways);
        _lifetimeMilliseconds = (long)lifetime.TotalMilliseconds;
    }

    /// <summary>Notes that <paramref name="address"/> is behind <paramref name="port"/>.</summary>
    /// <returns>Whether it was behind another port before.</returns>
    public bool Learn(MacAddress address, ushort vlan, ushort port, long nowMilliseconds)
    {
        ulong key = Key(address, vlan);
        Span<Entry> set = SetOf(key);
        int place = 0;
        for (int i = 0; i < set.Length; i++)
        {
            if (set[i].Key == key)
            {
                bool moved = set[i].Port != port && IsAlive(set[i], nowMilliseconds);
                set[i] = new Entry(key, port, nowMilliseconds);
                return moved;
            }
            if (set[i].Key == 0 ? set[place].Key != 0 : set[place].Key != 0 && set[i].SeenAt < set[place].SeenAt)
            {
                place = i;
            }
        }
        set[place] = new Entry(key, port, nowMilliseconds);
        return false;
    }

    /// <summary>Where <paramref name="address"/> is.</summary>
    public bool TryFind(MacAddress address, ushort vlan, long nowMilliseconds, out ushort port)
    {
        ulong key = Key(address, vlan);
        foreach (ref readonly Entry entry in SetOf(key))
        {
            if (entry.Key == key && IsAlive(entry, nowMilliseconds))
            {
                port = entry.Port;
                return true;
            }
        }
        port = 0;
        return false;
    }

    /// <summary>Whether hosts cannot be behind this port.</summary>
    public bool IsClosed(ushort port) => _closed[port];

    /// <summary>Forgets every address behind <paramref name="port"/>.</summary>
    /// <returns>Whether it was open until now.</returns>
    public bool Close(ushort port)
    {
        bool wasOpen = !_closed[port];
        _closed[port] = true;
        foreach (ref Entry entry in _entries.AsSpan())
        {
            if (entry.Port == port)
            {
                entry = default;
            }
        }
        return wasOpen;
    }

    /// <summary>Hosts can be behind this port again, as behind every one at first.</summary>
    public void Open(ushort port) => _closed[port] = false;

    /// <summary>Bit 63 marks an entry in use; twelve bits of VLAN and one for "no tag" stand above the address.</summary>
    private static ulong Key(MacAddress address, ushort vlan) => (1UL << 63) | ((ulong)(vlan & 0x1fff) << 48) | address.Value;

    private bool IsAlive(in Entry entry, long nowMilliseconds) => nowMilliseconds - entry.SeenAt <= _lifetimeMilliseconds;

    private Span<Entry> SetOf(ulong key) => _entries.AsSpan((int)((key * Golden) >> _shift) * Ways, Ways);

    private record struct Entry(ulong Key, ushort Port, long SeenAt);
}
