using Softswitch.Datapath.Packets;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.VhostUser;

/// <summary>What a guest can claim that is not true: it loses its port, and the worker goes on.</summary>
public sealed unsafe class RingFaultTests
{
    private const ulong Features =
        VirtioFeatures.VIRTIO_F_VERSION_1 | VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF | VirtioFeatures.VIRTIO_F_RING_INDIRECT_DESC;

    private const ushort NEXT = RingDescriptor.VIRTQ_DESC_F_NEXT;
    private const ushort WRITE = RingDescriptor.VIRTQ_DESC_F_WRITE;
    private const ushort INDIRECT = RingDescriptor.VIRTQ_DESC_F_INDIRECT;

    private static readonly Dictionary<string, (Action<GuestRing> Lie, RingFault Fault)> LiesByName = new()
    {
        ["an available index further ahead than the ring is long"] = (ring => ring.AvailableIndex += (ushort)(ring.Size + 1), RingFault.AvailableIndex),
        ["a head outside of the table"] = (ring => ring.AvailableEntry(ring.AvailableIndex++) = (ushort)ring.Size, RingFault.Head),
        ["a next outside of the table"] = (Tx(NEXT, next: 256), RingFault.Next),
        ["a chain that never ends"] = (Tx(NEXT, next: 0), RingFault.ChainLength),
        ["a buffer of the wrong direction"] = (Tx(WRITE), RingFault.Direction),
        ["a length that leaves memory"] = (Tx(0, length: uint.MaxValue), RingFault.Address),
        ["an indirect table outside of memory"] = (Tx(INDIRECT, address: 16, length: 32), RingFault.Address),
        ["an indirect descriptor with a next"] = (Tx(INDIRECT | NEXT, length: 32), RingFault.IndirectNested),
        ["a nested indirect table"] = (Table(Entry(INDIRECT)), RingFault.IndirectNested),
        ["a next outside of an indirect table"] = (Table(Entry(NEXT, next: 2)), RingFault.Next),
        ["a loop in an indirect table"] = (Table(Entry(NEXT, next: 1), Entry(NEXT, next: 0)), RingFault.ChainLength),
    };

    public static TheoryData<string> Lies => [.. LiesByName.Keys];

    [Theory]
    [MemberData(nameof(Lies))]
    public void A_ring_that_lies_ends_the_port(string lie) => AssertEnds(LiesByName[lie].Lie, LiesByName[lie].Fault);

    [Theory]
    [InlineData(0ul)]
    [InlineData(0xfffful)] // below the region
    [InlineData(0x10000ul + (64ul << 20) - 3)] // across its end
    [InlineData(0x7fff_ffff_ffff_fffful)]
    [InlineData(0xffff_ffff_ffff_fff0ul)] // its end wraps
    public void An_address_outside_of_memory_ends_the_port(ulong address)
    {
        AssertEnds(Tx(0, address: address), RingFault.Address);
        AssertEnds(Tx(NEXT, next: 1, address: address), RingFault.Address);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(15u)]
    [InlineData(24u)]
    [InlineData((BufferChain.MaxPieces + 1) * 16u)]
    [InlineData(0xffff_fff0u)]
    public void An_indirect_table_of_no_whole_entries_or_too_many_ends_the_port(uint length) => AssertEnds(Tx(INDIRECT, length: length), RingFault.IndirectLength);

    [Fact]
    public void An_indirect_descriptor_nobody_negotiated_ends_the_port() => AssertEnds(Tx(INDIRECT, length: 32), RingFault.IndirectNotNegotiated, RingHarness.Modern);

    [Fact]
    public void A_buffer_to_receive_by_that_is_outside_of_memory_or_read_only_ends_the_port()
    {
        AssertTransmitEnds(ring => ring.Descriptors[0].Address = 8, RingFault.Address);
        AssertTransmitEnds(ring => ring.Descriptors[0].Flags = 0, RingFault.Direction);
    }

    [Fact]
    public void Packets_in_front_of_a_lie_are_received()
    {
        using RingHarness harness = new(Features);
        byte[] good = TestPacket.Udp();
        Assert.True(harness.TryOffer(good));
        Tx(NEXT, next: 300)(harness.Guest.Sending);
        Assert.Equal(good, Assert.Single(harness.ReceiveFrames(1)));
        Assert.Equal(RingFault.Next, harness.FromGuest.Fault);
    }

    [Fact]
    public void A_guest_that_comes_back_is_believed_again()
    {
        using RingHarness harness = new(Features);
        Tx(NEXT, next: 300)(harness.Guest.Sending);
        harness.ReceiveWhatIsThere();
        Assert.NotNull(harness.Rings.Fault);
        harness.Rings.Reset();
        Assert.Null(harness.Rings.Fault);
        Assert.False(RingHarness.IsReadable(harness.Rings.FaultDescriptor));
        GuestNic again = new(harness.Ram, 64, Features);
        again.Fill();
        harness.Rings.SetFeatures(Features);
        Assert.True(harness.Rings.TrySetMemory(harness.Ram.Regions(), out string why), why);
        again.Attach(harness.Rings);
        byte[] good = TestPacket.Udp();
        Assert.True(again.TrySend(good));
        Assert.Equal(good, Assert.Single(harness.ReceiveFrames(1)));
        harness.Send(good);
        Assert.Equal(good, again.Receive(out _));
    }

    private static Action<GuestRing> Tx(int flags, ushort next = 0, ulong address = 0x20000, uint length = 100) => ring =>
    {
        ushort head = ring.Add(isWritten: false, [(address, length)]);
        ring.Descriptors[head].Flags = (ushort)flags;
        ring.Descriptors[head].Next = next;
    };

    private static RingDescriptor Entry(ushort flags, ushort next = 0) => new() { Address = 0x20000, Length = 16, Flags = flags, Next = next };

    /// <summary>An indirect table of these.</summary>
    private static Action<GuestRing> Table(params RingDescriptor[] entries) => ring =>
    {
        const ulong table = 0x30000;
        const ulong user = GuestRam.UserBase;
        ushort head = ring.Add(isWritten: false, [(table, (uint)entries.Length * RingDescriptor.Size)]);
        ring.Descriptors[head].Flags = INDIRECT;
        // The ring's descriptors lie at a known distance from the table.
        var start = (RingDescriptor*)((byte*)ring.Descriptors + (long)(table + user - ring.Addresses.Descriptors));
        entries.CopyTo(new Span<RingDescriptor>(start, entries.Length));
    };

    private static void AssertEnds(Action<GuestRing> lie, RingFault expected, ulong features = Features)
    {
        using RingHarness harness = new(features);
        lie(harness.Guest.Sending);
        harness.ReceiveWhatIsThere();
        AssertEnded(harness, harness.FromGuest, expected);
    }

    private static void AssertTransmitEnds(Action<GuestRing> lie, RingFault expected)
    {
        using RingHarness harness = new(Features);
        using QueueLosses losses = new([harness.Queue]);
        lie(harness.Guest.Receiving);
        Packet packet = harness.Frames.Rent(new byte[60]);
        Assert.Equal(0, harness.Queue.Transmit(new ReadOnlySpan<Packet>(in packet), harness.Frames));
        AssertEnded(harness, harness.ToGuest, expected);
        Assert.Equal(1, harness.Queue.Transmit(new ReadOnlySpan<Packet>(in packet), harness.Frames));
        Assert.Equal(1, losses[DropReason.LinkDown]);
    }

    private static void AssertEnded(RingHarness harness, VirtQueue ring, RingFault expected)
    {
        Assert.Equal(expected, ring.Fault);
        Assert.False(ring.IsReady);
        Assert.False(harness.Rings.IsReady);
        Assert.Equal($"ring {ring.Index}: {expected.Text()}", harness.Rings.Fault);
        Assert.True(RingHarness.IsReadable(harness.Rings.FaultDescriptor));
        Assert.True(harness.Queue.Arm());
    }
}
