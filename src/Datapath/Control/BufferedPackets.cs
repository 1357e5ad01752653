using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <summary>Packets that wait for the controller's word: bounded, aged, single-use; the oldest gives way to the newest.</summary>
/// <remarks>
/// An id holds a place and a count of the place's uses. So a late message never gets another packet: its sender gets an error that says whether
/// the buffer was used, has expired or never existed. As places are filled in turn, the oldest is found without a search. Threads: under the control lock.
/// </remarks>
internal sealed class BufferedPackets
{
    private readonly Place[] _places;
    private readonly FrameCache _frames;
    private readonly uint _count;
    private readonly ControlClock _clock;
    private readonly long _patience;
    private uint _next;
    private uint _span; // places before _next that are not known to be free

    /// <param name="count">Places; 0 for no buffers.</param>
    /// <param name="milliseconds">How long a packet is kept.</param>
    /// <param name="usedBefore">How often each place counts as used: for tests of ids that run out.</param>
    public BufferedPackets(int count, FrameCache frames, ControlClock clock, long milliseconds, uint usedBefore = 0)
    {
        _clock = clock;
        _patience = milliseconds;
        _places = new Place[count];
        _places.AsSpan().Fill(new Place { Generation = usedBefore });
        _count = (uint)count;
        _frames = frames;
    }

    /// <summary>Places.</summary>
    public int Capacity => _places.Length;

    /// <summary>Places in use.</summary>
    public int OccupiedCount => _places.Count(place => place.Occupied);

    /// <summary>Takes ownership of the packet, if there are places; returns its id, which is never <see cref="FlowMod.NoBuffer"/>.</summary>
    public uint Add(in Packet packet, ushort inPort)
    {
        ref Place place = ref _places[_next];
        Free(ref place);
        // The bound keeps generation * count + place below NoBuffer; generation 0 is "never used".
        place.Generation = place.Generation + 1 < FlowMod.NoBuffer / _count ? place.Generation + 1 : 1;
        place.Occupied = true;
        place.Packet = packet;
        place.InPort = inPort;
        place.Since = _clock.Milliseconds;
        uint id = (place.Generation * _count) + _next;
        _next = (_next + 1) % _count;
        _span = Math.Min(_span + 1, _count);
        return id;
    }

    /// <summary>Releases the packets that waited too long.</summary>
    public void Expire()
    {
        long now = _clock.Milliseconds;
        for (; _span > 0; _span--)
        {
            ref Place place = ref _places[(_next + _count - _span) % _count];
            if (place.Occupied && now - place.Since < _patience)
            {
                return;
            }
            Free(ref place);
        }
    }

    /// <summary>Hands the packet over, once.</summary>
    public ControlError TryTake(uint id, out Packet packet, out ushort inPort)
    {
        ControlError error = TryFind(id, out uint index);
        packet = default;
        inPort = 0;
        if (error == ControlError.None)
        {
            ref Place place = ref _places[index];
            packet = place.Packet;
            inPort = place.InPort;
            place.Occupied = false;
        }
        return error;
    }

    /// <summary>Whether <see cref="TryTake"/> would hand a packet over. It stays.</summary>
    public bool TryPeek(uint id, out Packet packet)
    {
        bool isThere = TryFind(id, out uint index) == ControlError.None;
        packet = isThere ? _places[index].Packet : default;
        return isThere;
    }

    /// <summary>Writes all places, for another process to go on with: ids stay what they are.</summary>
    public void Save(BinaryWriter to)
    {
        Expire();
        to.Write(_count);
        to.Write(_next);
        foreach (ref readonly Place place in _places.AsSpan())
        {
            to.Write(place.Generation);
            to.Write(place.Occupied);
            if (place.Occupied)
            {
                to.Write(place.InPort);
                to.Write((int)(_clock.Milliseconds - place.Since));
                PacketRecord.Write(to, place.Packet, _frames);
            }
        }
    }

    /// <summary>Goes on from what <see cref="Save"/> wrote. If the number of places differs, ids differ too: then the saved packets are dropped.</summary>
    public void Restore(BinaryReader from)
    {
        uint count = from.ReadUInt32();
        uint next = from.ReadUInt32();
        for (uint i = 0; i < count; i++)
        {
            Place place = new() { Generation = from.ReadUInt32(), Occupied = from.ReadBoolean() };
            if (place.Occupied)
            {
                place.InPort = from.ReadUInt16();
                place.Since = _clock.Milliseconds - from.ReadInt32();
                place.Occupied = PacketRecord.TryRead(from, _frames, out place.Packet);
            }
            if (count == _count)
            {
                _places[i] = place;
            }
            else if (place.Occupied)
            {
                _frames.Release(place.Packet);
            }
        }
        _next = count == _count && count > 0 ? next % _count : 0;
        _span = count == _count ? _count : 0;
    }

    /// <summary>Releases every packet.</summary>
    public void Clear()
    {
        foreach (ref Place place in _places.AsSpan())
        {
            Free(ref place);
        }
        _span = 0;
    }

    private ControlError TryFind(uint id, out uint index)
    {
        Expire();
        index = _count == 0 ? 0 : id % _count;
        uint generation = _count == 0 ? 0 : id / _count;
        if (generation == 0 || generation > _places[index].Generation)
        {
            return ControlError.BufferUnknown;
        }
        return generation == _places[index].Generation && _places[index].Occupied ? ControlError.None : ControlError.BufferEmpty;
    }

    private void Free(ref Place place)
    {
        if (place.Occupied)
        {
            _frames.Release(place.Packet);
            place.Occupied = false;
        }
    }

    private struct Place
    {
        public long Since;
        public Packet Packet;
        public uint Generation;
        public ushort InPort;
        public bool Occupied;
    }
}
