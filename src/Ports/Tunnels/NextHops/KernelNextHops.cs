using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Tunnels.NextHops;

/// <summary>What the kernel's routes and neighbours say about the addresses that tunnels send to.</summary>
/// <remarks>
/// Workers look up and leave the asking to a <see cref="KernelWatch"/>; it outlives them, as it does the port's device. Bounded: entries that nobody looks for are
/// forgotten. Threads: any, under a lock; workers ask when the <see cref="Generation"/> changed. Times are milliseconds of one clock.
/// </remarks>
internal sealed class KernelNextHops(Generation generation)
{
    public const int Capacity = NeighbourTable.Capacity;

    private readonly Lock _lock = new();
    private readonly Dictionary<uint, Destination> _entries = [];
    private KernelWatch? _watch;

    /// <summary>What is known; of an address never heard of, <see cref="NeighbourState.Incomplete"/> until the kernel has been asked.</summary>
    /// <param name="address">The next hop's, if reachable.</param>
    /// <param name="peek">Whether the kernel is not to be asked, nor noted that somebody wants it.</param>
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

    /// <summary>Forgets those that nobody looked for since.</summary>
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

    /// <summary>Who asks the kernel from now on. What was known is asked for anew.</summary>
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
