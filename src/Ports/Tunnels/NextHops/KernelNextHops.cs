using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Tunnels.NextHops;

/// <summary>The kernel's routes and neighbours for the addresses that tunnels send to.</summary>
/// <remarks>
/// Workers only look up here; a <see cref="KernelWatch"/> asks the kernel. The table outlives the watch, and the port's device. Bounded: entries that no
/// tunnel looks up are forgotten. Threads: any, under a lock; workers look up when the <see cref="Generation"/> changed. Times are milliseconds of one clock.
/// </remarks>
internal sealed class KernelNextHops(Generation generation)
{
    public const int Capacity = NeighbourTable.Capacity;

    private readonly Lock _lock = new();
    private readonly Dictionary<uint, Destination> _entries = [];
    private KernelWatch? _watch;

    /// <summary>The state of the next hop to a destination; <see cref="NeighbourState.Incomplete"/> until the kernel has answered.</summary>
    /// <param name="address">The next hop's address, if reachable.</param>
    /// <param name="peek">Whether not to ask the kernel, and not to note the look-up.</param>
    public NeighbourState Find(Be32 destination, long now, out MacAddress address, bool peek = false)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(destination.Raw, out Destination? entry))
            {
                address = default;
                if (_entries.Count >= Capacity || peek)
                {
                    return _entries.Count >= Capacity ? NeighbourState.Failed : NeighbourState.Incomplete;
                }
                entry = new Destination { Address = destination };
                _entries.Add(destination.Raw, entry);
                _watch?.Wake();
            }
            entry.WantedAt = peek ? entry.WantedAt : now;
            address = entry.HardwareAddress;
            return peek && entry.IsSilent ? NeighbourState.Failed : entry.State;
        }
    }

    /// <summary>The kernel's answer, or a change of it.</summary>
    public void Publish(Be32 destination, NeighbourState state, MacAddress address)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(destination.Raw, out Destination? entry) || (entry.State == state && entry.HardwareAddress == address))
            {
                return;
            }
            entry.IsSilent = state == NeighbourState.Failed || (entry.IsSilent && state == NeighbourState.Incomplete);
            entry.State = state;
            entry.HardwareAddress = address;
        }
        generation.Advance();
    }

    public IReadOnlyList<Be32> ListDestinations()
    {
        lock (_lock)
        {
            return [.. _entries.Values.Select(entry => entry.Address)];
        }
    }

    /// <summary>Removes entries that no tunnel has looked up lately.</summary>
    public void ForgetUnwanted(long since)
    {
        lock (_lock)
        {
            foreach ((uint destination, Destination entry) in _entries)
            {
                if (entry.WantedAt < since)
                {
                    _entries.Remove(destination);
                }
            }
        }
    }

    /// <summary>Sets the watch that asks the kernel from now on. It asks for all known entries anew.</summary>
    public void Attach(KernelWatch watch)
    {
        lock (_lock)
        {
            _watch = watch;
            foreach (Destination entry in _entries.Values)
            {
                entry.State = NeighbourState.Incomplete;
                entry.IsSilent = false;
            }
        }
        generation.Advance();
    }

    /// <summary>The interface is gone; another's watch may have taken over already.</summary>
    public void Detach(KernelWatch watch)
    {
        lock (_lock)
        {
            _watch = _watch == watch ? null : _watch;
        }
    }

    private sealed class Destination
    {
        public Be32 Address;
        public MacAddress HardwareAddress;
        public NeighbourState State;

        /// <summary>It has not answered since it failed.</summary>
        public bool IsSilent;

        public long WantedAt;
    }
}
