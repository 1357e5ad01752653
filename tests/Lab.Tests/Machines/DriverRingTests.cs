using System.Runtime.InteropServices;
using Softswitch.Lab.Machines;
using Softswitch.Ports.VhostUser;

namespace Softswitch.Lab.Tests.Machines;

/// <summary>The switch's side of the ring is played here.</summary>
public sealed unsafe class DriverRingTests : IDisposable
{
    private readonly byte* _memory;
    private readonly DriverRing _ring;
    private readonly ushort* _available;
    private readonly ushort* _used;

    public DriverRingTests()
    {
        _memory = (byte*)NativeMemory.AlignedAlloc(DriverRing.Bytes, 4096);
        new Span<byte>(_memory, DriverRing.Bytes).Clear();
        _ring = new DriverRing(_memory);
        _available = (ushort*)_ring.Addresses.Available;
        _used = (ushort*)_ring.Addresses.Used;
    }

    [Fact]
    public void All_parts_lie_in_its_memory_one_behind_the_other()
    {
        RingAddresses at = _ring.Addresses;
        Assert.Equal((ulong)_memory, at.Descriptors);
        Assert.InRange(at.Available, at.Descriptors + RingLayout.DescriptorBytes(DriverRing.Size), at.Used - RingLayout.AvailableBytes(DriverRing.Size));
        Assert.InRange(at.Used + RingLayout.UsedBytes(DriverRing.Size), at.Used, (ulong)_memory + DriverRing.Bytes);
    }

    [Fact]
    public void Buffers_are_seen_once_they_are_published_and_come_back_in_any_order()
    {
        byte* buffer = _memory; // only its address matters
        _ring.SetBuffer(3, buffer, 100, isWritten: false);
        _ring.SetBuffer(5, buffer, 200, isWritten: true);
        _ring.Offer(3);
        _ring.Offer(5);
        Assert.Equal(0, _available[1]);
        _ring.Publish();
        Assert.Equal([2, 3, 5], (ushort[])[_available[1], _available[2], _available[3]]);
        RingDescriptor* descriptors = (RingDescriptor*)_ring.Addresses.Descriptors;
        Assert.Equal((100u, 0), (descriptors[3].Length, descriptors[3].Flags));
        Assert.Equal((200u, RingDescriptor.VIRTQ_DESC_F_WRITE), (descriptors[5].Length, descriptors[5].Flags));
        Assert.Equal(0, _ring.Returned);
        GiveBack(5, 70);
        GiveBack(3, 0);
        Assert.Equal(2, _ring.Returned);
        Assert.Equal((5, 70), (_ring.Take(out int written), written));
        Assert.Equal((3, 0), (_ring.Take(out written), written));
        Assert.Equal(0, _ring.Returned);
    }

    [Fact]
    public void It_goes_round_after_as_many_as_an_index_counts()
    {
        for (int i = 0; i < ushort.MaxValue + 10; i++)
        {
            int number = i % 7;
            _ring.Offer(number);
            _ring.Publish();
            GiveBack((uint)number, i % 1000);
            Assert.Equal((1, number, i % 1000), (_ring.Returned, _ring.Take(out int written), written));
        }
        Assert.Equal(9, _available[1]);
    }

    [Fact]
    public void It_kicks_unless_the_switch_says_not_to()
    {
        Assert.True(_ring.WantsKick);
        _used[0] = RingLayout.VIRTQ_USED_F_NO_NOTIFY;
        Assert.False(_ring.WantsKick);
    }

    [Fact]
    public void A_buffer_that_there_is_not_is_an_error()
    {
        GiveBack(DriverRing.Size, 0);
        TestbedException error = Assert.Throws<TestbedException>(() => _ring.Take(out _));
        Assert.Contains("256", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    private void GiveBack(uint number, int written)
    {
        uint* element = (uint*)(_used + 2) + (2 * (_used[1] % DriverRing.Size));
        (element[0], element[1]) = (number, (uint)written);
        _used[1]++;
    }
}
