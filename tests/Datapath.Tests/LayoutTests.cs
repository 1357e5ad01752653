using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Tests;

/// <summary>Structs whose layout the drawings in their files promise.</summary>
public sealed unsafe class LayoutTests
{
    [Fact]
    public void Flow_entry_is_one_cache_line()
    {
        Assert.Equal(64, sizeof(FlowEntry));
        FlowEntry e = default;
        byte* start = (byte*)&e;
        Assert.Equal(0, (byte*)&e.Key - start);
        Assert.Equal(32, (byte*)&e.Counters - start);
        Assert.Equal(52, (byte*)&e.Priority - start);
        Assert.Equal(56, (byte*)&e.Actions - start);
        Assert.Equal(8, sizeof(ActionsReference));
        Assert.Equal(FlowEntry.CountersOffset, (byte*)&e.Counters - start);
    }

    [Fact]
    public void Flow_counters_end_before_the_priority()
    {
        Assert.Equal(20, sizeof(FlowCounters));
        FlowCounters c = default;
        byte* start = (byte*)&c;
        Assert.Equal(0, (byte*)&c.Packets - start);
        Assert.Equal(8, (byte*)&c.Bytes - start);
        Assert.Equal(16, (byte*)&c.LastUsed - start);
        Assert.InRange(FlowCounters.Size, 1, FlowCounters.OwnArrayStride);
    }

    [Fact]
    public void Flow_record_has_aligned_words_and_stays_within_two_cache_lines_and_a_half()
    {
        FlowRecord r = default;
        byte* start = (byte*)&r;
        Assert.Equal(0, ((byte*)&r.Sequence - start) % 8);
        Assert.Equal(0, ((byte*)&r.InstalledAt - start) % 8);
        Assert.Equal(0, ((byte*)&r.Hash - start) % 8);
        Assert.Equal(0, ((byte*)&r.RemovedAt - start) % 8);
        Assert.Equal(0, ((byte*)&r.Next - start) % 4);
        Assert.InRange(sizeof(FlowRecord), 64, 160);
    }

    [Fact]
    public void Flow_action_is_16_bytes()
    {
        Assert.Equal(16, sizeof(FlowAction));
        FlowAction a = FlowAction.Output(0x1122, 0x3344);
        byte* start = (byte*)&a;
        Assert.Equal(0, *(ushort*)start);
        Assert.Equal(0x1122, *(ushort*)(start + 2));
        Assert.Equal(0x3344u, *(uint*)(start + 4));
        a = FlowAction.SetDlDst(new MacAddress(0x010203040506));
        Assert.Equal([1, 2, 3, 4, 5, 6, 0, 0], new ReadOnlySpan<byte>(start + 8, 8).ToArray());
        Assert.Equal((ushort)ActionKind.SetDlDst, *(ushort*)start);
    }

    [Fact]
    public void Packet_is_16_bytes()
    {
        Assert.Equal(16, sizeof(Packet));
        Packet p = new((byte*)0x1122334455667788, 0x01020304) { Flags = PacketFlags.NeedsSegmentation };
        byte* start = (byte*)&p;
        Assert.Equal(0x1122334455667788L, *(long*)start);
        Assert.Equal(0x01020304, *(int*)(start + 8));
        Assert.Equal(2, *(ushort*)(start + 12));
    }

    [Fact]
    public void Offload_state_is_12_bytes_and_fits_before_the_headroom()
    {
        Assert.Equal(12, sizeof(OffloadState));
        OffloadState o = default;
        byte* start = (byte*)&o;
        Assert.Equal(0, (byte*)&o.Segmentation - start);
        Assert.Equal(1, (byte*)&o.Ecn - start);
        Assert.Equal(2, (byte*)&o.HeaderLength - start);
        Assert.Equal(4, (byte*)&o.SegmentSize - start);
        Assert.Equal(6, (byte*)&o.ChecksumStart - start);
        Assert.Equal(8, (byte*)&o.ChecksumOffset - start);
        Assert.InRange(OffloadState.Size, 1, FramePool.DataOffset - FramePool.Headroom);
    }

    [Fact]
    public void Packet_layout_is_one_32_bit_word_written_at_once_by_the_fast_path()
    {
        Assert.Equal(4, sizeof(HeaderOffsets));
        HeaderOffsets l = default;
        byte* start = (byte*)&l;
        Assert.Equal(0, (byte*)&l.Flags - start);
        Assert.Equal(1, &l.NetworkOffset - start);
        Assert.Equal(2, &l.TransportOffset - start);
    }

    [Fact]
    public void Ring_cursors_are_two_cache_lines_apart_from_each_other_and_their_neighbours()
    {
        Assert.Equal(384, sizeof(RingCursors));
        RingCursors c = default;
        byte* start = (byte*)&c;
        Assert.Equal(128, (byte*)&c.Tail - start);
        Assert.Equal(136, (byte*)&c.HeadSeen - start);
        Assert.Equal(144, (byte*)&c.Written - start);
        Assert.Equal(256, (byte*)&c.Head - start);
        Assert.Equal(264, (byte*)&c.TailSeen - start);
        Assert.Equal(272, (byte*)&c.Read - start);
    }

    [Fact]
    public void Headers_of_native_blocks_have_the_size_their_contents_start_at()
    {
        Assert.Equal(ActionList.Size, sizeof(ActionList));
        Assert.Equal(ActionList.Size, (byte*)ActionList.First((ActionList*)4096) - (byte*)4096);
        Assert.Equal(16, sizeof(FlowDirectory));
        Assert.Equal((448, 896), (sizeof(PacketAccount), sizeof(PortAccount)));
        Assert.True(Unsafe.SizeOf<PacketAccount>() >= 96 + (sizeof(ulong) * (int)DropReason.Count), "there is room for every reason");
        Assert.Equal(6, sizeof(MacAddress));
        Assert.Equal(6, Unsafe.SizeOf<MacAddress>());
    }
}
