using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>What packet-ins wait in: in order, whoever puts in meanwhile, and within their part of the frames.</summary>
public sealed unsafe class PacketInQueueTests : IDisposable
{
    private const int Frames = 4096;
    private const int LargeFrames = 128;
    private const int Quarter = Frames / 4;

    private readonly FramePool _pool = new(Frames, largeFrameCount: LargeFrames);
    private readonly FrameCache _frames;
    private readonly PacketInRoom _room;

    public PacketInQueueTests()
    {
        _frames = _pool.CreateCache();
        _room = new PacketInRoom(_pool);
    }

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void What_a_frame_carries_for_its_queue_has_room_beside_the_states() => Assert.InRange(sizeof(QueuedFrame), 1, FramePool.NoteSize);

    [Fact]
    public void Packets_come_out_in_the_order_in_which_they_went_in()
    {
        const int seed = 42;
        Random random = new(seed);
        PacketInQueue sut = new(_room);
        Queue<ushort> expected = [];
        for (int step = 0; step < 5000; step++)
        {
            if (random.Next(2) == 0)
            {
                Assert.True(sut.HasRoom);
                Put(sut, _frames, (ushort)step);
                expected.Enqueue((ushort)step);
            }
            else
            {
                Assert.Equal(expected, sut.ReadAll().Select(item => item.MaxLength));
                Assert.Equal(expected.TryDequeue(out ushort next) ? next : -1, Take(sut, out _) ?? -1);
            }
            Assert.Equal((expected.Count == 0, expected.Count), (sut.IsEmpty, _room.Held));
        }
    }

    [Fact]
    public void What_several_workers_put_in_at_once_is_all_there_each_ones_in_order()
    {
        const int workers = 3;
        const int each = 5000;
        PacketInQueue sut = new(_room);
        Thread[] threads = [.. Enumerable.Range(0, workers).Select(worker => new Thread(() =>
        {
            FrameCache frames = _pool.CreateCache();
            for (ushort i = 0; i < each; i++)
            {
                while (!sut.HasRoom)
                {
                    Thread.Yield();
                }
                Put(sut, frames, i, (ushort)worker);
            }
            frames.Drain();
        }))];
        Array.ForEach(threads, thread => thread.Start());
        int[] next = new int[workers];
        while (next.Sum() < workers * each)
        {
            if (Take(sut, out ushort worker) is { } number)
            {
                Assert.Equal(next[worker]++, number);
            }
        }
        Array.ForEach(threads, Eventually.Ended);
        _frames.Drain();
        Assert.Equal((0, Frames), (_room.Held, _pool.FreeCount));
    }

    [Fact]
    public void A_queue_that_is_alone_has_room_for_two_thirds_of_a_quarter_of_the_frames() => Assert.InRange(Fill(new PacketInQueue(_room)), Quarter * 2 / 3, (Quarter * 2 / 3) + 1);

    [Theory]
    [InlineData(2, 228)]
    [InlineData(12, 4)]
    [InlineData(200, 4)]
    [InlineData(3000, 0)]
    public void However_many_queues_are_full_half_of_the_frames_are_left_and_each_of_hundreds_has_some_room(int queues, int least)
    {
        int[] held = [.. Enumerable.Range(0, queues).Select(_ => Fill(new PacketInQueue(_room)))];
        Assert.InRange(_room.Held, Quarter * 2 / 3, Frames / 2);
        Assert.Equal((least, _room.Held), (held.Min(), held.Sum()));
    }

    [Fact]
    public void Packets_in_large_frames_leave_most_of_these_to_others()
    {
        PacketInQueue[] queues = [new(_room), new(_room), new(_room)];
        int held = 0;
        for (int i = 0; i < LargeFrames; i++)
        {
            foreach (PacketInQueue queue in queues.Where(queue => queue.HasRoom))
            {
                Put(queue, _frames, 0, length: _pool.FrameCapacity + 1);
                held++;
            }
        }
        Assert.InRange(held, 3, (LargeFrames / 4) + 1);
        foreach (PacketInQueue queue in queues)
        {
            while (Take(queue, out _) != null)
            {
            }
        }
        Assert.Equal(0, _room.Held);
    }

    private int Fill(PacketInQueue queue)
    {
        int count = 0;
        for (; queue.HasRoom; count++)
        {
            Put(queue, _frames, 0);
        }
        return count;
    }

    private static void Put(PacketInQueue queue, FrameCache frames, ushort number, ushort worker = 0, int length = 60)
    {
        Assert.True(frames.TryRent(length, out Packet packet));
        packet.Length = length;
        queue.Enqueue(new QueuedPacketIn(packet, worker, PacketInReason.NoMatch, number));
    }

    private int? Take(PacketInQueue queue, out ushort worker)
    {
        bool isThere = queue.TryDequeue(out QueuedPacketIn item);
        worker = item.InPort;
        if (isThere)
        {
            _frames.Release(item.Packet);
        }
        return isThere ? item.MaxLength : null;
    }
}
