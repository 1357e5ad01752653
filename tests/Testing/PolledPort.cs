using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Xunit;

namespace Softswitch.Testing;

/// <summary>Drives a port's queues as a worker does, with frames as plain bytes.</summary>
internal static class PolledPort
{
    /// <summary>The same bytes for the same length, behind a head.</summary>
    public static byte[] Frame(int length, string head = "02000000000b02000000000a88b5")
    {
        byte[] frame = new byte[length];
        new Random(length).NextBytes(frame);
        Convert.FromHexString(head).CopyTo(frame, 0);
        return frame;
    }

    /// <summary>A packet of these bytes.</summary>
    public static Packet Rent(this FrameCache frames, ReadOnlySpan<byte> bytes)
    {
        Assert.True(frames.TryRent(bytes.Length, out Packet packet));
        packet.Length = bytes.Length;
        bytes.CopyTo(packet.Bytes);
        return packet;
    }

    /// <summary>All that the pool has left, but for large frames.</summary>
    public static Packet[] Hoard(this FrameCache frames)
    {
        List<Packet> hoard = [];
        while (frames.TryRent(out Packet packet))
        {
            hoard.Add(packet);
        }
        return [.. hoard];
    }

    /// <summary>All large frames that the pool has left.</summary>
    public static Packet[] HoardLarge(this FrameCache frames)
    {
        List<Packet> hoard = [];
        while (frames.TryRentLarge(out Packet packet))
        {
            hoard.Add(packet);
        }
        return [.. hoard];
    }

    /// <summary>Sends in one burst; what is not taken is released.</summary>
    /// <returns>How many were taken.</returns>
    public static int SendBurst(this IPort queue, FrameCache frames, params byte[][] sent)
    {
        Packet[] packets = [.. sent.Select(bytes => frames.Rent(bytes))];
        int taken = queue.Transmit(packets, frames);
        frames.Release(packets.AsSpan(taken));
        return taken;
    }

    /// <summary>As <see cref="SendBurst"/>, by the first queue.</summary>
    public static int Send(this IPortDevice port, FrameCache frames, params byte[][] sent) => port.Queues[0].SendBurst(frames, sent);

    /// <summary>What one call of a queue brings, as copies.</summary>
    public static List<byte[]> ReceiveOnce(this IPort queue, FrameCache frames)
    {
        var batch = new PacketBatch();
        queue.Receive(batch, frames);
        List<byte[]> received = [];
        foreach (ref readonly Packet packet in batch.Packets)
        {
            received.Add(packet.Bytes.ToArray());
        }
        frames.Release(batch.Packets);
        return received;
    }

    /// <summary>The frames of a segment, as copies.</summary>
    public static List<byte[]> Cut(this FrameCache frames, in Packet segment)
    {
        Assert.True(GsoSegmenter.TryBegin(segment, frames, out GsoSegmenter segmenter));
        List<byte[]> cut = [];
        while (segmenter.TryNext(out Packet frame))
        {
            cut.Add(frame.Bytes.ToArray());
            frames.Release(frame);
        }
        return cut;
    }

    /// <summary>As another process gets it: with descriptors of its own.</summary>
    public static DeviceOffer Sent(this DeviceOffer offer) => offer with { Descriptors = [.. offer.Descriptors.Select(GuestRam.Duplicate)] };

    /// <summary>What the device would be gone on from, workers stopped.</summary>
    public static byte[] SaveState(this IDeviceHandover device)
    {
        using DeviceRecord state = new();
        device.SaveState(state);
        return state.ToArray();
    }

    /// <summary>Has the device go on from there.</summary>
    public static void Adopt(this IDeviceHandover device, byte[] state)
    {
        using BinaryReader reader = new(new MemoryStream(state));
        device.Adopt(reader);
    }

    /// <summary>Every frame of the pool is free, but for what a port holds.</summary>
    public static void AssertAllFree(this FramePool pool, FrameCache? frames = null, int held = 0)
    {
        frames?.Drain();
        Assert.Equal((pool.FrameCount, pool.LargeFrameCount), (pool.FreeCount + held, pool.FreeLargeCount));
    }

    /// <summary>Receives until <paramref name="count"/> frames have come, as copies.</summary>
    public static List<byte[]> Receive(this IPortDevice port, FrameCache frames, int count)
    {
        List<byte[]> received = [];
        Eventually.Polled(
            () =>
            {
                received.AddRange(port.Queues[0].ReceiveOnce(frames));
                return received.Count >= count;
            },
            () => $"{received.Count} of {count} frames came");
        return received;
    }

    /// <summary>Receives these frames in any order, each once.</summary>
    /// <returns>How many came by each queue.</returns>
    public static int[] ReceiveByQueue(this IPortDevice port, FrameCache frames, IReadOnlyCollection<byte[]> expected)
    {
        List<byte[]>[] perQueue = [.. port.Queues.Select(_ => new List<byte[]>())];
        Eventually.Polled(
            () =>
            {
                for (int queue = 0; queue < perQueue.Length; queue++)
                {
                    perQueue[queue].AddRange(port.Queues[queue].ReceiveOnce(frames));
                }
                return perQueue.Sum(received => received.Count) >= expected.Count;
            },
            () => $"{string.Join(", ", perQueue.Select(received => received.Count))} of {expected.Count} frames came");
        Assert.Equal(expected.Select(Convert.ToHexString).Order(), perQueue.SelectMany(received => received).Select(Convert.ToHexString).Order());
        return [.. perQueue.Select(received => received.Count)];
    }

    /// <summary>As Assert.Equal, which takes its time over bytes.</summary>
    public static void AssertSame(IEnumerable<byte[]> expected, IEnumerable<byte[]> received) =>
        Assert.Equal(expected.Select(Convert.ToHexString), received.Select(Convert.ToHexString));
}
