using System.Numerics;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Captures;

/// <summary>One worker's end of all captures: copies what they ask for into its rings.</summary>
/// <remarks>All packets of a pass have one time, that of its begin.</remarks>
internal sealed unsafe class CaptureTap : PacketTap
{
    // The system's clock is asked so often; in between the worker's counts.
    private const long ClockInterval = TimeSpan.TicksPerSecond;

    private const int BitsOfMask = 64;

    private readonly (CaptureFilter Filter, CaptureRing Ring)[] _captures;
    private readonly TimeProvider _time;
    private long _ticks;
    private long _offset;
    private long _askedAt = long.MinValue;
    private int _call;

    private CaptureTap(Capture[] captures, int worker, TimeProvider time)
    {
        _captures = Array.ConvertAll(captures, capture => (capture.Filter, capture.RingOf(worker)));
        _time = time;
    }

    /// <returns>Null if no capture runs.</returns>
    public static CaptureTap? Create(Capture[] captures, int worker, TimeProvider time) =>
        captures.Length == 0 ? null : new CaptureTap(captures, worker, time);

    /// <param name="ticks">The worker's clock in units of 100 ns.</param>
    public void BeginPass(long ticks)
    {
        if (ticks - _askedAt >= ClockInterval || _askedAt == long.MinValue)
        {
            _askedAt = ticks;
            _offset = _time.GetUtcNow().UtcTicks - ticks;
        }
        long now = ticks + _offset;
        // A clock that is put right by a little must not put packets out of order; one that was set back is followed.
        _ticks = now < _ticks && _ticks - now < ClockInterval ? _ticks : now;
    }

    /// <summary>A batch as the port received it, parsed.</summary>
    public void Received(ref Packet packets, FlowKey* keys, int count, ushort port)
    {
        CaptureRecord head = new() { Port = port, Point = CapturePoints.Received };
        foreach ((CaptureFilter filter, CaptureRing ring) in _captures)
        {
            if (!filter.Includes(head.Point, port))
            {
                continue;
            }
            FlowKey key = filter.Key;
            FlowKey mask = filter.Mask;
            uint matching = 0; // found first: a processor that guesses at each packet whether it is copied guesses wrong too often
            for (int i = 0; i < count; i++)
            {
                matching |= (FlowKey.Matches(keys[i], key, mask) ? 1u : 0) << i;
            }
            for (; matching != 0; matching &= matching - 1)
            {
                int i = BitOperations.TrailingZeroCount(matching);
                Copy(ring, Unsafe.Add(ref packets, i), filter.SnapLength, head, i);
            }
        }
    }

    public override void Received(in Packet packet, ushort port) =>
        Add(new ReadOnlySpan<Packet>(in packet), new CaptureRecord { Port = port, Point = CapturePoints.Received });

    public override int Sending(ReadOnlySpan<Packet> packets, ushort port)
    {
        Add(packets, new CaptureRecord { Port = port, Point = CapturePoints.Sent, IsEgress = true, Call = ++_call });
        return _call;
    }

    public override void Refused(int call, int taken)
    {
        foreach ((_, CaptureRing ring) in _captures)
        {
            ring.TakeBack(call, taken);
        }
    }

    public override void Dropped(in Packet packet, ushort port, bool isEgress, DropReason reason) =>
        Add(new ReadOnlySpan<Packet>(in packet), new CaptureRecord { Port = port, Point = CapturePoints.Dropped, IsEgress = isEgress, Reason = reason });

    /// <summary>Ends a pass: readers of the rings see its packets.</summary>
    public void EndPass()
    {
        foreach ((_, CaptureRing ring) in _captures)
        {
            ring.Publish();
        }
    }

    /// <param name="head">What is the same for all of them.</param>
    private void Add(ReadOnlySpan<Packet> packets, in CaptureRecord head)
    {
        foreach ((CaptureFilter filter, CaptureRing ring) in _captures)
        {
            if (!filter.Includes(head.Point, head.Port))
            {
                continue;
            }
            PlainIpv4Filter quick = filter.Quick;
            for (int first = 0; first < packets.Length; first += BitsOfMask)
            {
                ReadOnlySpan<Packet> some = packets.Slice(first, Math.Min(packets.Length - first, BitsOfMask));
                ulong candidates = 0;
                for (int i = 0; i < some.Length; i++)
                {
                    candidates |= (quick.MayMatch(some[i].Data) ? 1ul : 0) << i;
                }
                for (; candidates != 0; candidates &= candidates - 1)
                {
                    int i = BitOperations.TrailingZeroCount(candidates);
                    if (Matches(filter, some[i]))
                    {
                        Copy(ring, some[i], filter.SnapLength, head, first + i);
                    }
                }
            }
        }
    }

    private static bool Matches(CaptureFilter filter, in Packet packet)
    {
        FlowKey key;
        HeaderOffsets layout;
        FlowKeyParser.Parse(packet.Data, packet.Length, 0, &key, &layout);
        return FlowKey.Matches(key, filter.Key, filter.Mask);
    }

    private void Copy(CaptureRing ring, in Packet packet, int snapLength, in CaptureRecord head, int index)
    {
        int captured = Math.Min(packet.Length, snapLength);
        CaptureRecord* record = ring.TryAdd(head.Port, captured);
        if (record == null)
        {
            return;
        }
        record->Take(head); // field by field, straight to where it stays
        record->Length = packet.Length;
        record->Captured = captured;
        record->Ticks = _ticks;
        record->Index = index;
        Unsafe.CopyBlockUnaligned(record + 1, packet.Data, (uint)captured);
    }
}
