using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Tests;

/// <summary>Structs whose layout the drawings in their files promise.</summary>
public sealed unsafe class LayoutTests
{
    [Theory]
    [InlineData(typeof(FlowKey), 32, "DlDst 0, DlSrc 6, DlType 12, Vlan 14, InPort 16, NwTos 18, NwProto 19, NwSrc 20, NwDst 24, TpSrc 28, TpDst 30")]
    [InlineData(typeof(FlowEntry), 64, "Key 0, Counters 32, Priority 52, Actions 56")]
    [InlineData(typeof(FlowCounters), 20, "Packets 0, Bytes 8, LastUsed 16")]
    [InlineData(typeof(HeaderOffsets), 4, "Flags 0, NetworkOffset 1, TransportOffset 2")] // one word, written at once by the fast path
    [InlineData(typeof(RingCursors), 384, "Tail 128, HeadSeen 136, Written 144, Head 256, TailSeen 264, Read 272")]
    public void Fields_are_where_the_drawings_say(Type type, int size, string fields)
    {
        Assert.Equal(size, Marshal.SizeOf(type));
        Assert.All(fields.Split(", "), field => Assert.Equal(field, $"{field.Split(' ')[0]} {Marshal.OffsetOf(type, field.Split(' ')[0])}"));
    }

    [Fact]
    public void Sizes_that_others_count_on_agree()
    {
        Assert.Equal(8, sizeof(ActionsReference));
        Assert.Equal(32, FlowEntry.CountersOffset);
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
