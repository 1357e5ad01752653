using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Tests.Packets;

public sealed unsafe class FramePoolTests
{
    [Theory]
    [InlineData(1, 2048, 1)]
    [InlineData(1000, 2048, 3)]
    [InlineData(300, 4096, 9)]
    public void Every_frame_is_rented_once_whole_and_apart_from_the_others(int count, int size, int large)
    {
        using FramePool pool = new(count, size, large);
        FrameCache cache = pool.CreateCache();
        List<Packet> packets = [];
        while (cache.TryRent(out Packet packet))
        {
            packets.Add(packet);
        }
        Assert.Equal(count, packets.Count);
        while (cache.TryRentLarge(out Packet packet))
        {
            packets.Add(packet);
        }
        Assert.Equal(count + large, packets.Count);
        for (int i = 0; i < packets.Count; i++)
        {
            Packet packet = packets[i];
            int capacity = i < count ? pool.FrameCapacity : FramePool.LargeFrameCapacity;
            Assert.Equal(i >= count, pool.IsLarge(packet.Data));
            int headroom = cache.HeadroomOf(packet);
            Assert.InRange(headroom, FramePool.LeastHeadroom, FramePool.Headroom);
            Assert.Equal(FramePool.DataOffset - FramePool.Headroom + headroom, packet.Data - pool.FrameStart(packet.Data));
            // Any place in the frame leads to its start.
            Assert.Equal((nint)pool.FrameStart(packet.Data), (nint)pool.FrameStart(packet.Data + capacity - 1));
            Assert.Equal((nint)pool.FrameStart(packet.Data), (nint)pool.FrameStart(packet.Data - headroom));
            packet.MoveStart(-headroom);
            packet.Length = capacity + headroom;
            packet.Bytes.Fill((byte)i);
            cache.Offload(packet).SegmentSize = (ushort)i;
        }
        for (int i = 0; i < packets.Count; i++)
        {
            Assert.Equal((byte)i, *packets[i].Data);
            Assert.Equal((ushort)i, cache.Offload(packets[i]).SegmentSize);
        }
        cache.Release(packets.ToArray());
        cache.Drain();
        Assert.Equal((count, large), (pool.FreeCount, pool.FreeLargeCount));
    }

    [Theory]
    [InlineData(2048)]
    [InlineData(4096)]
    public void Fresh_packets_do_not_all_lie_at_one_place_of_their_page(int frameSize)
    {
        using FramePool pool = new(64, frameSize, largeFrameCount: 1);
        FrameCache cache = pool.CreateCache();
        var places = new HashSet<nint>();
        while (cache.TryRent(out Packet packet))
        {
            places.Add((nint)packet.Data % 2048);
        }
        Assert.Equal(4, places.Count);
        Assert.All(places, place => Assert.Equal(0, place % 64)); // whole cache lines
    }

    [Fact]
    public void A_packet_gets_the_smallest_frame_that_holds_it()
    {
        using FramePool pool = new(16, largeFrameCount: 4);
        FrameCache cache = pool.CreateCache();
        Assert.True(cache.TryRent(pool.FrameCapacity, out Packet small));
        Assert.False(pool.IsLarge(small.Data));
        Assert.True(cache.TryRent(pool.FrameCapacity + 1, out Packet large));
        Assert.True(pool.IsLarge(large.Data));
        Assert.True(cache.TryRent(FramePool.LargeFrameCapacity, out Packet largest));
        Assert.False(cache.TryRent(FramePool.LargeFrameCapacity + 1, out _));
        cache.Release([small, large, largest]);
    }

    [Fact]
    public void A_copy_has_the_bytes_flags_and_unfinished_work_of_the_original()
    {
        using FramePool pool = new(8, largeFrameCount: 2);
        FrameCache cache = pool.CreateCache();
        Assert.True(cache.TryRent(out Packet packet));
        packet.Length = 100;
        packet.Bytes.Fill(7);
        packet.Flags = PacketFlags.NeedsChecksum;
        cache.Offload(packet) = new OffloadState { ChecksumStart = 34, ChecksumOffset = 16 };
        packet.MoveStart(-4);
        Assert.True(cache.TryCopy(packet, out Packet copy));
        Assert.NotEqual((nint)packet.Data, (nint)copy.Data);
        Assert.True(packet.Bytes.SequenceEqual(copy.Bytes));
        Assert.Equal((packet.Length, packet.Flags), (copy.Length, copy.Flags));
        Assert.Equal(34, cache.Offload(copy).ChecksumStart);
        Assert.InRange(cache.HeadroomOf(copy), FramePool.LeastHeadroom, FramePool.Headroom);
    }

    [Fact]
    public void Frames_that_one_thread_rents_and_another_releases_are_neither_lost_nor_doubled()
    {
        const int count = 2000;
        const int rounds = 100_000;
        using FramePool pool = new(count, largeFrameCount: 64); // a cache may keep a few of either for itself
        ClearAll(pool); // fresh memory may hold what an earlier test marked
        SpscRing<Packet> ring = new(512);
        FrameCache releasing = pool.CreateCache();
        Thread consumer = new(() =>
        {
            SpinWait spin = default;
            for (int i = 0; i < rounds;)
            {
                if (ring.TryDequeue(out Packet packet))
                {
                    *(int*)packet.Data = 0;
                    releasing.Release(packet);
                    i++;
                }
                else
                {
                    spin.SpinOnce(sleep1Threshold: -1);
                }
            }
        });
        consumer.Start();
        FrameCache renting = pool.CreateCache();
        int doubled = 0;
        SpinWait wait = default;
        for (int i = 0; i < rounds;)
        {
            bool rented = i % 97 == 0 ? renting.TryRentLarge(out Packet packet) : renting.TryRent(out packet);
            if (!rented)
            {
                wait.SpinOnce(sleep1Threshold: -1);
                continue;
            }
            doubled += *(int*)packet.Data == 0x5a5a5a5a ? 1 : 0; // still in use elsewhere
            *(int*)packet.Data = 0x5a5a5a5a;
            while (!ring.TryEnqueue(packet))
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }
            i++;
        }
        consumer.Join();
        renting.Drain();
        releasing.Drain();
        Assert.Equal(0, doubled);
        Assert.Equal((count, 64), (pool.FreeCount, pool.FreeLargeCount));
    }

    [Theory]
    [InlineData(0, 2048, 1)]
    [InlineData(1, 2048, 0)]
    [InlineData(1, 1024, 1)]
    [InlineData(1, 8192, 1)]
    public void Impossible_sizes_are_refused(int count, int size, int large)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new FramePool(count, size, large));
    }

    [Fact]
    public void Memory_that_another_process_has_gives_no_frame_until_it_is_ours_and_never_one_that_is_claimed()
    {
        using FramePool pool = new(4, isInUse: true);
        FrameCache cache = pool.CreateCache();
        Assert.False(cache.TryRent(out Packet packet));

        pool.Claim(2 * 2048 + FramePool.DataOffset);
        Assert.Throws<InvalidDataException>(() => pool.Claim(2 * 2048));
        Assert.Throws<InvalidDataException>(() => pool.Claim(4 * 2048));
        pool.FreeUnclaimed();
        pool.FreeUnclaimed();

        Assert.Throws<InvalidDataException>(() => pool.Claim(0));
        List<long> rented = [];
        while (cache.TryRent(out packet))
        {
            rented.Add((packet.Data - pool.Region) / 2048);
        }
        Assert.Equal([0, 1, 3], rented.Order());
    }

    private static void ClearAll(FramePool pool)
    {
        FrameCache frames = pool.CreateCache();
        List<Packet> all = [];
        while (frames.TryRent(out Packet packet) || frames.TryRentLarge(out packet))
        {
            *(int*)packet.Data = 0;
            all.Add(packet);
        }
        all.ForEach(packet => frames.Release(packet));
        frames.Drain();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_those_that_share_a_pool_none_can_take_what_the_others_need(bool large)
    {
        const int count = 3000;
        using FramePool pool = new(count, largeFrameCount: count);
        FrameQuota[] shares = [pool.Join(), pool.Join(), pool.Join()];
        FrameCache[] caches = [.. shares.Select(pool.CreateCache)];
        List<Packet>[] held = [[], [], []];
        Hoard(0);
        Assert.InRange(held[0].Count, count / 2, count * 2 / 3);
        Hoard(1);
        Hoard(0);
        Hoard(1);
        Assert.InRange(held[0].Count + held[1].Count, count / 2, count * 9 / 10);
        Hoard(2);
        Assert.InRange(held[2].Count, count / 20, count);
        for (int i = 0; i < 3; i++)
        {
            held[i].ForEach(packet => caches[i].Release(packet));
            caches[i].Drain();
            held[i].Clear();
            Assert.Equal((0, 0), (shares[i].Count, shares[i].LargeCount));
        }
        pool.Leave();
        pool.Leave();
        Hoard(0);
        Assert.Equal(count, held[0].Count); // alone it has all

        void Hoard(int who)
        {
            while (large ? caches[who].TryRentLarge(out Packet packet) : caches[who].TryRent(out packet))
            {
                held[who].Add(packet);
            }
        }
    }
}
