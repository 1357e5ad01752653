using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.VhostUser;

/// <summary>Several pairs, several workers, and a session that changes everything under them.</summary>
public sealed class RingSharingTests
{
    private const ulong Features = RingHarness.Mergeable;

    [Fact]
    public void Queues_whose_pair_is_not_enabled_send_by_one_that_is()
    {
        using GuestRam ram = new((0x10000, 64 << 20));
        using FramePool pool = new(256, 2048, 4);
        FrameCache frames = pool.CreateCache();
        using GuestRings rings = new(pairs: 3);
        using QueueLosses losses = new(rings.Queues);
        rings.SetFeatures(Features);
        Assert.True(rings.TrySetMemory(ram.Regions(), out string why), why);
        byte[] good = TestPacket.Udp();
        foreach (VhostUserQueue queue in rings.Queues)
        {
            Assert.Equal(1, queue.SendBurst(frames, good)); // there is no guest yet
        }
        Assert.Equal((3, 3), (losses[DropReason.LinkDown], losses.Total));
        GuestNic[] nics = [.. Enumerable.Range(0, 2).Select(_ => new GuestNic(ram, 16, Features))];
        for (int pair = 0; pair < nics.Length; pair++)
        {
            nics[pair].Fill();
            nics[pair].Attach(rings, pair);
        }
        int[] expected = [0, 1, 0];
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(1, rings.Queues[i].SendBurst(frames, good));
            Assert.Equal(good, nics[expected[i]].Receive(out _));
        }
        rings.Rings[0].SetEnabled(false);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(1, rings.Queues[i].SendBurst(frames, good));
            Assert.Equal(good, nics[1].Receive(out _));
        }
        Assert.Equal((3, 3), (losses[DropReason.LinkDown], losses.Total));
    }

    [Fact]
    public void Two_workers_send_by_one_ring_while_the_session_changes_memory_and_rings()
    {
        const int packets = 30_000;
        using GuestRam ram = new((0x10000, 64 << 20));
        using FramePool pool = new(1024, 2048, 4);
        using GuestRings rings = new(pairs: 2);
        rings.SetFeatures(Features);
        Assert.True(rings.TrySetMemory(ram.Regions(), out string why), why);
        GuestNic nic = new(ram, 256, Features);
        nic.Fill();
        nic.Attach(rings);
        Thread[] workers = [.. Enumerable.Range(0, 2).Select(number => new Thread(() => Work(rings, pool, number, packets)))];
        bool over = false;
        string refused = string.Empty;
        Thread session = new(() =>
        {
            for (int i = 0; !Volatile.Read(ref over) && Change(rings, ram, i % 3, out refused); i++)
            {
            }
        });
        Array.ForEach(workers, worker => worker.Start());
        session.Start();
        int[] last = [-1, -1];
        int received = 0;
        while (!over)
        {
            Volatile.Write(ref over, !workers.Any(worker => worker.IsAlive));
            while (nic.Receive(out _) is { } packet)
            {
                (int number, int i) = (packet[14], BitConverter.ToInt32(packet, 20));
                Assert.True(i > last[number], $"packet {i} of worker {number} came behind {last[number]}");
                Assert.Equal(Numbered(number, i), packet);
                last[number] = i;
                received++;
            }
            nic.Reclaim();
        }
        session.Join();
        Assert.Equal(string.Empty, refused);
        Assert.True(received > 0);
        Assert.Null(rings.Fault);
        Assert.Equal((1024, 4), (pool.FreeCount, pool.FreeLargeCount));
    }

    [Fact]
    public void Nothing_is_allocated_for_packets()
    {
        using RingHarness harness = new(Features | VirtioFeatures.VIRTIO_F_RING_EVENT_IDX, longest: 1514);
        int[] lengths = [60, 100, 200, 1514];
        for (int i = 0; harness.Guest.Sending.Free > 0; i++)
        {
            Assert.True(harness.TryOffer(new byte[lengths[i % lengths.Length]]));
        }
        PacketBatch batch = new();
        IPort queue = harness.Queue;
        int moved = 0;
        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            moved = 0;
            for (int i = 0; i < 1000; i++)
            {
                harness.Guest.Sending.AvailableIndex = (ushort)(harness.Guest.Sending.UsedIndex + 256); // the same again
                harness.Guest.Receiving.AvailableIndex = (ushort)(harness.Guest.Receiving.UsedIndex + 256);
                queue.Receive(batch, harness.Frames);
                moved += queue.Transmit(batch.Packets, harness.Frames);
                batch.Clear();
                _ = queue.Arm();
            }
        }));
        Assert.Equal(32_000, moved);
        Assert.Null(harness.Rings.Fault);
    }

    private static void Work(GuestRings rings, FramePool pool, int number, int packets)
    {
        FrameCache frames = pool.CreateCache();
        PacketBatch batch = new();
        for (int i = 0; i < packets; i++)
        {
            rings.Queues[number].SendBurst(frames, Numbered(number, i));
            rings.Queues[number].Receive(batch, frames);
            frames.Release(batch.Packets);
            batch.Clear();
        }
        frames.Drain();
    }

    /// <summary>What a session does to a guest that runs.</summary>
    private static bool Change(GuestRings rings, GuestRam ram, int kind, out string why)
    {
        why = string.Empty;
        switch (kind)
        {
            case 0:
                return rings.TrySetMemory(ram.Regions(), out why);
            case 1:
                ushort next = rings.Rings[0].Stop();
                rings.Rings[0].SetBase(next);
                rings.Rings[0].SetKick(-1);
                return true;
            default:
                rings.Rings[0].SetEnabled(false);
                rings.Rings[0].SetEnabled(true);
                return true;
        }
    }

    private static byte[] Numbered(int worker, int number)
    {
        byte[] packet = new byte[60 + (number % 1000)];
        new Random(number).NextBytes(packet);
        packet[14] = (byte)worker;
        BitConverter.TryWriteBytes(packet.AsSpan(20), number);
        return packet;
    }
}
