using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Captures;

/// <summary>One worker's end of all captures: copies what they ask for into its rings.</summary>
/// <remarks>All packets of a pass have one time: that of the first which is kept.</remarks>
internal sealed unsafe class CaptureTap : PacketTap
{
    private readonly (CaptureFilter Filter, CaptureRing Ring)[] _captures;
    private readonly TimeProvider _time;
    private long _ticks;
    private int _call;

    private CaptureTap(Capture[] captures, int worker, TimeProvider time)
    {
        _captures = Array.ConvertAll(captures, capture => (capture.Filter, capture.RingOf(worker)));
        _time = time;
    }

    /// <returns>Null where nobody captures.</returns>
    public static CaptureTap? Create(Capture[] captures, int worker, TimeProvider time) =>
        captures.Length == 0 ? null : new CaptureTap(captures, worker, time);

    /// <summary>A batch as the port received it, parsed.</summary>
    public void Received(ref Packet packets, FlowKey* keys, int count, ushort port)
    {
        foreach ((CaptureFilter filter, CaptureRing ring) in _captures)
        {
            if (!filter.Includes(CapturePoints.Received, port))
            {
                continue;
            }
            for (int i = 0; i < count; i++)
            {
                if (filter.Matches(keys[i]))
                {
                    Add(filter, ring, Unsafe.Add(ref packets, i), port, CapturePoints.Received);
                }
            }
        }
    }

    public override void Received(in Packet packet, ushort port) => AddEach(new ReadOnlySpan<Packet>(in packet), port, CapturePoints.Received);

    public override int Sending(ReadOnlySpan<Packet> packets, ushort port)
    {
        _call++;
        AddEach(packets, port, CapturePoints.Sent, isEgress: true);
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
        AddEach(new ReadOnlySpan<Packet>(in packet), port, CapturePoints.Dropped, isEgress, reason);

    /// <summary>At the end of a pass: whoever reads sees what it brought.</summary>
    public void EndPass()
    {
        _ticks = 0;
        foreach ((_, CaptureRing ring) in _captures)
        {
            ring.Publish();
        }
    }

    private void AddEach(ReadOnlySpan<Packet> packets, ushort port, CapturePoints point, bool isEgress = false, DropReason reason = default)
    {
        int call = _call;
        foreach ((CaptureFilter filter, CaptureRing ring) in _captures)
        {
            if (!filter.Includes(point, port))
            {
                continue;
            }
            for (int i = 0; i < packets.Length; i++)
            {
                ref readonly Packet packet = ref packets[i];
                if (filter.MatchesAll || IsMatch(filter, packet))
                {
                    Add(filter, ring, packet, port, point, isEgress, reason, call, i);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsMatch(CaptureFilter filter, in Packet packet)
    {
        FlowKey key;
        HeaderOffsets layout;
        FlowKeyParser.Parse(packet.Data, packet.Length, 0, &key, &layout);
        return filter.Matches(key);
    }

    private void Add(
        CaptureFilter filter, CaptureRing ring, in Packet packet, ushort port, CapturePoints point,
        bool isEgress = false, DropReason reason = default, int call = 0, int index = 0)
    {
        if (_ticks == 0)
        {
            _ticks = _time.GetUtcNow().UtcTicks;
        }
        CaptureRecord head = new()
        {
            Port = port,
            Length = packet.Length,
            Captured = Math.Min(packet.Length, filter.SnapLength),
            Ticks = _ticks,
            Call = call,
            Index = index,
        };
        head.Set(point, isEgress, reason);
        ring.Add(head, packet.Data);
    }
}
