using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tests.Memory;

public sealed class SpscRingTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(1000, 1024)]
    public void Capacity_is_rounded_up_and_all_of_it_usable(int asked, int capacity)
    {
        SpscRing<int> ring = new(asked);
        Assert.Equal(capacity, ring.Capacity);
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < capacity; i++)
            {
                Assert.True(ring.TryEnqueue(i));
            }
            Assert.False(ring.TryEnqueue(-1));
            for (int i = 0; i < capacity; i++)
            {
                Assert.True(ring.TryPeek(out int peeked));
                Assert.False(ring.IsEmpty);
                Assert.True(ring.TryDequeue(out int item));
                Assert.Equal((i, i), (peeked, item));
            }
            Assert.False(ring.TryDequeue(out _));
            Assert.True(ring.IsEmpty);
        }
        Assert.Equal((3L * capacity, 3L * capacity), (ring.Produced, ring.Consumed));
    }

    [Fact]
    public void Written_items_show_once_published_and_lie_side_by_side_up_to_the_end_of_the_memory()
    {
        SpscRing<int> ring = new(8);
        for (int i = 0; i < 5; i++)
        {
            Assert.True(ring.TryEnqueue(i));
            Assert.True(ring.TryDequeue(out _));
        }
        for (int i = 0; i < 8; i++)
        {
            Assert.True(ring.TryWrite(i));
            Assert.True(ring.IsEmpty);
        }
        Assert.False(ring.TryWrite(8));
        Assert.False(ring.HasRoom());
        ring.Publish();
        Assert.Equal(8, ring.ReadyCount);
        Assert.Equal([0, 1], ring.Peek(2));
        Assert.Equal([0, 1, 2], ring.Peek(100));
        ring.Advance(3);
        Assert.Equal([3, 4, 5, 6, 7], ring.Peek(100));
        ring.Advance(5);
        Assert.True(ring.Peek(100).IsEmpty);
    }

    [Fact]
    public void Several_items_go_in_as_far_as_there_is_room()
    {
        SpscRing<int> ring = new(8);
        Assert.Equal(5, ring.Enqueue([0, 1, 2, 3, 4]));
        Assert.Equal(3, ring.Enqueue([5, 6, 7, 8]));
        Assert.Equal(0, ring.Enqueue([8]));
        ring.Advance(6);
        Assert.Equal(4, ring.Enqueue([8, 9, 10, 11])); // across the end of the memory
        Assert.Equal([6, 7, 8, 9, 10, 11], ring.ReadAll());
        Assert.Equal(6, ring.ReadyCount);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    public void Batches_of_any_size_arrive_whole_and_in_order_between_two_threads(int capacity)
    {
        const int count = 20_000;
        SpscRing<(long A, long B, long C)> ring = new(capacity);
        Thread producer = new(() =>
        {
            Random sizes = new(1);
            SpinWait spin = default;
            for (long i = 0; i < count;)
            {
                for (int left = sizes.Next(1, 40); left > 0 && i < count && ring.TryWrite((i, ~i, i * 3)); left--)
                {
                    i++;
                }
                ring.Publish();
                spin.SpinOnce(sleep1Threshold: -1);
            }
        });
        producer.Start();
        long wrong = 0;
        SpinWait wait = default;
        for (long i = 0; i < count;)
        {
            ReadOnlySpan<(long A, long B, long C)> items = ring.Peek(48);
            foreach ((long A, long B, long C) item in items)
            {
                wrong += item == (i, ~i, i * 3) ? 0 : 1;
                i++;
            }
            ring.Advance(items.Length);
            wait.SpinOnce(sleep1Threshold: -1);
        }
        producer.Join();
        Assert.Equal(0, wrong);
        Assert.True(ring.IsEmpty);
    }
}
