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

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    public void Between_two_threads_every_item_arrives_once_whole_and_in_order(int capacity)
    {
        const long count = 200_000;
        SpscRing<(long A, long B, long C)> ring = new(capacity);
        Thread producer = new(() =>
        {
            SpinWait spin = default;
            for (long i = 0; i < count;)
            {
                if (ring.TryEnqueue((i, ~i, i * 3)))
                {
                    i++;
                }
                else
                {
                    spin.SpinOnce(sleep1Threshold: -1);
                }
            }
        });
        producer.Start();
        long wrong = 0;
        SpinWait wait = default;
        for (long i = 0; i < count;)
        {
            if (ring.TryDequeue(out (long A, long B, long C) item))
            {
                wrong += item == (i, ~i, i * 3) ? 0 : 1;
                i++;
            }
            else
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }
        }
        producer.Join();
        Assert.Equal(0, wrong);
        Assert.True(ring.IsEmpty);
    }
}
