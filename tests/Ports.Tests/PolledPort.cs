using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

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

    /// <summary>Sends in one burst.</summary>
    /// <returns>How many the port took.</returns>
    public static int Send(this IPortDevice port, FrameCache frames, byte[][] sent)
    {
        Packet[] packets = new Packet[sent.Length];
        for (int i = 0; i < sent.Length; i++)
        {
            Assert.True(frames.TryRent(sent[i].Length, out packets[i]));
            packets[i].Length = sent[i].Length;
            sent[i].CopyTo(packets[i].Bytes);
        }
        int taken = port.Queues[0].Transmit(packets, frames);
        frames.Release(packets.AsSpan(taken));
        return taken;
    }

    /// <summary>Receives until <paramref name="count"/> frames have come, as copies.</summary>
    public static List<byte[]> Receive(this IPortDevice port, FrameCache frames, int count)
    {
        List<byte[]> received = [];
        Eventually.Polled(
            () =>
            {
                Collect(port.Queues[0], frames, received);
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
                    Collect(port.Queues[queue], frames, perQueue[queue]);
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

    private static void Collect(IPort queue, FrameCache frames, List<byte[]> received)
    {
        var batch = new PacketBatch();
        queue.Receive(batch, frames);
        foreach (ref readonly Packet packet in batch.Packets)
        {
            received.Add(packet.Bytes.ToArray());
        }
        frames.Release(batch.Packets);
    }
}
