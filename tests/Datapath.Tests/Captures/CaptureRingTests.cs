using System.Runtime.CompilerServices;
using Softswitch.Datapath.Captures;

namespace Softswitch.Datapath.Tests.Captures;

public sealed unsafe class CaptureRingTests
{
    private const int Capacity = 1 << 12;

    [Fact]
    public void What_finds_no_room_is_counted_for_its_port_and_the_rest_stays_whole()
    {
        using CaptureRing ring = new(Capacity);
        for (int round = 0; round < 10; round++)
        {
            int there = 0;
            for (int i = 0; i < 100; i++)
            {
                there += Add(ring, (ushort)(i % 2), value: i, length: 100) ? 1 : 0;
            }
            ring.Publish();
            Assert.InRange(there, (Capacity / 136) - 1, Capacity / 136);
            Assert.Equal(Enumerable.Range(0, there), ReadAll(ring));
        }
        Assert.Equal(0, ring.Lost(7));
    }

    [Fact]
    public void Nothing_is_seen_before_it_is_published()
    {
        using CaptureRing ring = new(Capacity);
        Add(ring, 1, value: 5, length: 10);
        Assert.True(ring.Peek() == null);
        ring.Publish();
        Assert.Equal([5], ReadAll(ring));
    }

    [Fact]
    public void What_a_device_refused_is_taken_back()
    {
        using CaptureRing ring = new(Capacity);
        for (int call = 1; call <= 2; call++)
        {
            for (int i = 0; i < 4; i++)
            {
                Add(ring, 1, value: (call * 10) + i, length: 10, CapturePoints.Sent, call, i);
            }
        }
        Add(ring, 1, value: 30, length: 10, CapturePoints.Dropped);
        ring.TakeBack(call: 1, index: 1);
        ring.Publish();
        Assert.Equal([10, 20, 21, 22, 23, 30], ReadAll(ring));
    }

    [Fact]
    public void Between_two_threads_every_packet_comes_whole_and_in_order()
    {
        const int count = 20_000;
        using CaptureRing ring = new(Capacity << 6);
        Thread worker = new(() =>
        {
            SpinWait spin = default;
            for (int i = 0; i < count;)
            {
                if (Add(ring, 3, value: i, length: 4 + (i % 700)))
                {
                    i++;
                }
                else
                {
                    spin.SpinOnce();
                }
                ring.Publish();
            }
        });
        worker.Start();
        SpinWait idle = default;
        for (int next = 0; next < count;)
        {
            if (ring.Peek() == null)
            {
                idle.SpinOnce();
                continue;
            }
            foreach (int value in ReadAll(ring))
            {
                Assert.Equal(next++, value);
            }
        }
        worker.Join();
    }

    /// <summary>A packet whose every four bytes are the value.</summary>
    private static bool Add(CaptureRing ring, ushort port, int value, int length, CapturePoints point = CapturePoints.Received, int call = 0, int index = 0)
    {
        int* data = stackalloc int[256];
        new Span<int>(data, 256).Fill(value);
        long lost = ring.Lost(port);
        CaptureRecord* record = ring.TryAdd(port, length);
        Assert.Equal(record == null, ring.Lost(port) == lost + 1);
        if (record == null)
        {
            return false;
        }
        int step = record->Step;
        *record = new CaptureRecord { Step = step, Port = port, Point = point, Length = length, Captured = length, Call = call, Index = index };
        Unsafe.CopyBlockUnaligned(record + 1, data, (uint)length);
        return true;
    }

    private static List<int> ReadAll(CaptureRing ring)
    {
        List<int> values = [];
        for (CaptureRecord* record = ring.Peek(); record != null; record = ring.Peek())
        {
            Assert.True(record->Step >= CaptureRecord.Size + record->Captured);
            int* data = (int*)(record + 1);
            for (int i = 0; i < record->Captured / sizeof(int); i++)
            {
                Assert.Equal(*data, data[i]);
            }
            values.Add(*data);
            ring.Advance();
        }
        ring.Release();
        return values;
    }
}
