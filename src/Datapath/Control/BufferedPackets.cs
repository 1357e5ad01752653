using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Control;

/// <summary>Packets that wait for the controller's word: bounded, single-use; the oldest gives way to the newest.</summary>
/// <remarks>
/// An id is a place and how often the place has been used, so a late answer meets neither a stranger's packet nor silence: it
/// learns that the buffer was used or never was. Threads: under the control gate.
/// </remarks>
internal sealed class BufferedPackets
{
    private readonly Place[] _places;
    private readonly FrameCache _frames;
    private readonly uint _count;
    private uint _next;

    /// <param name="count">Places, at least 1.</param>
    /// <param name="usedBefore">How often each place counts as used: for tests of ids that run out.</param>
    public BufferedPackets(int count, FrameCache frames, uint usedBefore = 0)
    {
        _places = new Place[count];
        _places.AsSpan().Fill(new Place { Generation = usedBefore });
        _count = (uint)count;
        _frames = frames;
    }

    /// <summary>Places in use.</summary>
    public int OccupiedCount => _places.Count(place => place.Occupied);

    /// <summary>Takes ownership of the packet; returns its id, which is never <see cref="FlowMod.NoBuffer"/>.</summary>
    public uint Add(in Packet packet, ushort inPort)
    {
        ref Place place = ref _places[_next];
        if (place.Occupied)
        {
            _frames.Release(place.Packet);
        }
        // The bound keeps generation * count + place below NoBuffer; generation 0 is "never used".
        place.Generation = place.Generation + 1 < FlowMod.NoBuffer / _count ? place.Generation + 1 : 1;
        place.Occupied = true;
        place.Packet = packet;
        place.InPort = inPort;
        uint id = (place.Generation * _count) + _next;
        _next = (_next + 1) % _count;
        return id;
    }

    /// <summary>Hands the packet over, once.</summary>
    public ControlError TryTake(uint id, out Packet packet, out ushort inPort)
    {
        ref Place place = ref _places[id % _count];
        packet = place.Packet;
        inPort = place.InPort;
        uint generation = id / _count;
        if (generation > place.Generation || generation == 0)
        {
            return ControlError.BufferUnknown;
        }
        if (generation != place.Generation || !place.Occupied)
        {
            return ControlError.BufferEmpty;
        }
        place.Occupied = false;
        return ControlError.None;
    }

    /// <summary>Releases every packet.</summary>
    public void Clear()
    {
        foreach (ref Place place in _places.AsSpan())
        {
            if (place.Occupied)
            {
                _frames.Release(place.Packet);
                place.Occupied = false;
            }
        }
    }

    private struct Place
    {
        public Packet Packet;
        public uint Generation;
        public ushort InPort;
        public bool Occupied;
    }
}
