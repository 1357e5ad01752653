using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Tunnels.NextHops;

/// <summary>The state of a next hop.</summary>
internal enum NeighbourState
{
    /// <summary>Asked for, not answered yet: packets may wait.</summary>
    Incomplete,

    /// <summary>Its Ethernet address is known; from time to time it is asked again.</summary>
    Reachable,

    /// <summary>Did not answer: packets are dropped until it does or is asked again.</summary>
    Failed,
}

/// <summary>An ARP request that is due.</summary>
/// <param name="Destination">Broadcast, or the address that is to be confirmed (RFC 1122 §2.3.2.1).</param>
internal readonly record struct NeighbourProbe(Be32 Target, MacAddress Destination);

/// <summary>The Ethernet addresses of next hops: asked for on demand, confirmed while they are known, forgotten when no tunnel looks them up.</summary>
/// <remarks>
/// Only a tunnel's look-up adds an entry, never a received ARP packet, so the network cannot fill the table. Threads: any, under a
/// lock; workers take it when the <see cref="Generation"/> has changed since their last look, once in a tenth of a second, and when a packet has begun to wait.
/// Times are milliseconds of one clock.
/// </remarks>
internal sealed class NeighbourTable(Generation generation)
{
    public const int Capacity = 1024;

    /// <summary>Milliseconds between two requests.</summary>
    public const int ProbeInterval = 1000;

    /// <summary>Unanswered requests after which a next hop counts as failed.</summary>
    public const int MaxProbes = 3;

    /// <summary>Milliseconds after which a known address is asked for again.</summary>
    public const int ConfirmAfter = 30_000;

    /// <summary>Milliseconds for which a failed next hop is not asked for again.</summary>
    public const int FailedFor = 3000;

    private readonly Lock _lock = new();
    private readonly Dictionary<uint, Entry> _entries = [];

    /// <summary>The state of a next hop. An unknown one is asked for.</summary>
    /// <param name="address">Meaningful if reachable.</param>
    /// <param name="peek">
    /// Whether to ask for nothing, and not to note the look-up. A failed next hop that is being asked again counts as failed then:
    /// a packet would wait for it in vain.
    /// </param>
    public NeighbourState Find(Be32 nextHop, long now, out MacAddress address, bool peek = false)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(nextHop.Raw, out Entry? entry))
            {
                address = default;
                if (_entries.Count >= Capacity || peek)
                {
                    return _entries.Count >= Capacity ? NeighbourState.Failed : NeighbourState.Incomplete;
                }
                entry = new Entry { Address = nextHop, ProbeAt = now };
                _entries.Add(nextHop.Raw, entry);
            }
            entry.WantedAt = peek ? entry.WantedAt : now;
            address = entry.HardwareAddress;
            return peek && entry.IsSilent ? NeighbourState.Failed : entry.State;
        }
    }

    /// <summary>Learns the address of an ARP sender, if the table has an entry for it.</summary>
    public void Learn(Be32 sender, MacAddress address, long now)
    {
        if (address.IsMulticast || address.Value == 0)
        {
            return;
        }
        lock (_lock)
        {
            if (!_entries.TryGetValue(sender.Raw, out Entry? entry))
            {
                return;
            }
            if (entry.State != NeighbourState.Reachable || entry.HardwareAddress != address)
            {
                entry.State = NeighbourState.Reachable;
                entry.HardwareAddress = address;
                Change();
            }
            entry.IsSilent = false;
            entry.Probes = 0;
            entry.ProbeAt = now + ConfirmAfter;
        }
    }

    /// <summary>The next request that is due; call until it returns false.</summary>
    public bool TryTakeProbe(long now, out NeighbourProbe probe)
    {
        lock (_lock)
        {
            foreach (Entry entry in _entries.Values)
            {
                if (now >= entry.ProbeAt && TryProbe(entry, now, out probe))
                {
                    return true;
                }
            }
        }
        probe = default;
        return false;
    }

    /// <summary>Removes entries that no tunnel has looked up lately, which frees their places.</summary>
    public void ForgetUnwanted(long since)
    {
        lock (_lock)
        {
            foreach ((uint nextHop, Entry entry) in _entries)
            {
                if (entry.WantedAt < since)
                {
                    _entries.Remove(nextHop);
                }
            }
        }
    }

    /// <summary>The link went away or came back: everything is asked for again before it is believed for long.</summary>
    public void Recheck(long now)
    {
        lock (_lock)
        {
            foreach (Entry entry in _entries.Values)
            {
                entry.State = entry.State == NeighbourState.Failed ? NeighbourState.Incomplete : entry.State;
                entry.IsSilent = false;
                entry.Probes = 0;
                entry.ProbeAt = now;
            }
            Change();
        }
    }

    /// <summary>Writes those that are known, for another process to go on with.</summary>
    public void Save(BinaryWriter to, long now)
    {
        lock (_lock)
        {
            Entry[] known = [.. _entries.Values.Where(entry => entry.State == NeighbourState.Reachable)];
            to.Write(known.Length);
            foreach (Entry entry in known)
            {
                to.Write(entry.Address.Raw);
                to.Write(entry.HardwareAddress.Value);
                to.Write(entry.Probes);
                to.Write(entry.ProbeAt - now);
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
                uint address = from.ReadUInt32();
                _entries[address] = new Entry
                {
                    Address = new Be32(address),
                    HardwareAddress = new MacAddress(from.ReadUInt64()),
                    State = NeighbourState.Reachable,
                    Probes = from.ReadInt32(),
                    ProbeAt = now + from.ReadInt64(),
                    WantedAt = now,
                };
            }
            Change();
        }
    }

    private bool TryProbe(Entry entry, long now, out NeighbourProbe probe)
    {
        probe = new NeighbourProbe(entry.Address, MacAddress.Broadcast);
        if (entry.State == NeighbourState.Failed)
        {
            entry.State = NeighbourState.Incomplete; // its rest is over
            entry.Probes = 0;
            Change();
        }
        if (entry.Probes == MaxProbes)
        {
            entry.State = NeighbourState.Failed;
            entry.IsSilent = true;
            entry.ProbeAt = now + FailedFor;
            Change();
            return false;
        }
        if (entry.State == NeighbourState.Reachable)
        {
            probe = probe with { Destination = entry.HardwareAddress };
        }
        entry.Probes++;
        entry.ProbeAt = now + ProbeInterval;
        return true;
    }

    private void Change() => generation.Advance();

    private sealed class Entry
    {
        public Be32 Address;
        public MacAddress HardwareAddress;
        public NeighbourState State;

        /// <summary>It has not answered since it failed.</summary>
        public bool IsSilent;

        public int Probes;
        public long ProbeAt;
        public long WantedAt;
    }
}
