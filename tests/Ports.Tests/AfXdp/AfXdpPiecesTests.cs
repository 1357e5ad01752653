using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

/// <summary>Packets longer than a frame, in the rings of a kernel that does as it is told.</summary>
public sealed class AfXdpPiecesTests : IDisposable
{
    private const uint Slots = 64;

    private readonly FramePool _pool = new(512, largeFrameCount: 8);
    private readonly FrameCache _frames;
    private readonly FakeXdpKernel _kernel;

    public AfXdpPiecesTests()
    {
        _frames = _pool.CreateCache();
        _kernel = new FakeXdpKernel(_pool, _frames, Slots);
    }

    public void Dispose()
    {
        _kernel.Dispose();
        _pool.Dispose();
    }

    private static byte[] Bytes(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        bytes.AsSpan(12, 2).Clear(); // neither a tag nor IP
        return bytes;
    }

    private List<byte[]> Receive() => _kernel.Queue.ReceiveOnce(_frames);

    private int Transmit(params byte[][] packets) => _kernel.Queue.SendBurst(_frames, packets);

    private void AssertNothingLeaked()
    {
        Assert.Equal((Slots, (int)Slots), (_kernel.Stocked, _kernel.Ledger.Count));
        _pool.AssertAllFree(_frames, _kernel.Ledger.Count);
    }

    [Fact]
    public void Packets_of_one_and_of_several_frames_arrive_in_order_and_whole_also_around_the_end_of_the_ring()
    {
        var random = new Random(4711);
        for (int round = 0; round < 500; round++)
        {
            List<byte[]> sent = [.. Enumerable.Range(0, random.Next(1, 5)).Select(i => Bytes(random.Next(3) == 0 ? random.Next(1729, 16_000) : random.Next(60, 1729), round + i))];
            sent.ForEach(packet => _kernel.Deliver(packet));
            PolledPort.AssertSame(sent, Receive());
        }
        AssertNothingLeaked();
    }

    [Fact]
    public void A_packet_whose_end_is_not_there_yet_waits_for_it_and_those_before_it_do_not()
    {
        byte[] first = Bytes(100);
        byte[] cut = Bytes(5000);
        _kernel.Deliver(first);
        _kernel.Deliver(cut.AsSpan(0, 2 * 1728), withEnd: false);
        Assert.Equal([first], Receive());
        Assert.Empty(Receive());
        _kernel.Deliver(cut.AsSpan(2 * 1728));
        Assert.Equal([cut], Receive());
        AssertNothingLeaked();
    }

    [Fact]
    public void A_packet_longer_than_any_frame_is_lost_and_counted_and_the_next_arrives()
    {
        byte[] next = Bytes(5000);
        _kernel.Deliver(Bytes(Packet.MaxLength + 1));
        _kernel.Deliver(next);
        Assert.Equal([next], Receive());
        Assert.Equal(1, _kernel.Queue.ReceiveDropped);
        AssertNothingLeaked();
    }

    [Fact]
    public void A_packet_for_which_there_is_no_large_frame_is_lost_and_counted_and_a_short_one_arrives()
    {
        Packet[] hoard = _frames.HoardLarge();
        _kernel.Deliver(Bytes(9014));
        _kernel.Deliver(Bytes(100));
        Assert.Equal([Bytes(100)], Receive());
        Assert.Equal(1, _kernel.Queue.ReceiveDropped);
        _frames.Release(hoard);
        AssertNothingLeaked();
    }

    [Fact]
    public void A_long_packet_leaves_in_as_few_frames_as_hold_it()
    {
        byte[] jumbo = Bytes(9014);
        Assert.Equal(3, Transmit(Bytes(100), jumbo, Bytes(200)));
        List<(byte[] Bytes, bool GoesOn)> sent = _kernel.Send();
        Assert.Equal([100, 2048, 2048, 2048, 2048, 822, 200], sent.Select(piece => piece.Bytes.Length));
        Assert.Equal([false, true, true, true, true, false, false], sent.Select(piece => piece.GoesOn));
        Assert.Equal(jumbo, sent.Skip(1).Take(5).SelectMany(piece => piece.Bytes));
        Receive(); // takes the frames back
        AssertNothingLeaked();
    }

    [Fact]
    public void A_long_packet_for_which_the_ring_has_no_room_is_not_taken_and_neither_is_what_follows()
    {
        byte[][] packets = [.. Enumerable.Range(0, 60).Select(i => Bytes(100, i)), Bytes(9014), Bytes(100)];
        Assert.Equal(60, Transmit(packets));
        Assert.Equal(60, _kernel.Send().Count);
        Receive();
        AssertNothingLeaked();
        Assert.Equal(1, Transmit(Bytes(9014)));
        Assert.Equal(5, _kernel.Send().Count);
        Receive();
        AssertNothingLeaked();
    }

    [Fact]
    public void A_long_packet_for_which_the_pool_has_too_few_frames_is_not_taken_and_none_of_them_is_kept()
    {
        Packet jumbo = _frames.Rent(Bytes(9014));
        Packet[] hoard = _frames.Hoard();
        _frames.Release(hoard.AsSpan(0, 4));
        Assert.Equal(0, _kernel.Queue.Transmit(new ReadOnlySpan<Packet>(in jumbo), _frames));
        _frames.Release(hoard[4]);
        Assert.Equal(1, _kernel.Queue.Transmit(new ReadOnlySpan<Packet>(in jumbo), _frames));
        Assert.Equal(5, _kernel.Send().Count);
        Receive();
        _frames.Release(hoard.AsSpan(5));
        AssertNothingLeaked();
    }

    [Fact]
    public void A_packet_longer_than_the_kernel_takes_is_a_counted_error()
    {
        using QueueLosses losses = new([_kernel.Queue]);
        Assert.Equal(2, Transmit(Bytes(36_019), Bytes(100)));
        Assert.Equal((1, 1), (losses[DropReason.TooLong], losses.Total));
        Assert.Single(_kernel.Send());
        Receive();
        AssertNothingLeaked();
    }
}
