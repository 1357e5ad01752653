using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfPacket;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfPacket;

/// <summary>The kernel as a second oracle: what it makes of a segment on a device without offloads is what we make of it.</summary>
[Trait("Ring", "peers")]
public sealed class KernelSegmentationTests
{
    private const int Seed = 6180;

    [Fact]
    public void Segments_are_cut_into_the_frames_the_kernel_cuts_them_into()
    {
        Needs.Namespaces();
        Needs.Program("ethtool");
        using var space = new LabNode("gso");
        VethCable.Lay(space.Network, "near", space.Network, "far");
        space.Execute("ethtool", "-K", "near", "tso", "off", "gso", "off", "tx", "off", "tx-udp-segmentation", "off").Checked();
        using var pool = new FramePool(512, largeFrameCount: 8);
        FrameCache frames = pool.CreateCache();
        using AfPacketPort near = space.Run(() => AfPacketPort.Open("near", "near"));
        using RawSocket far = space.Run(() => new RawSocket("far"));
        var random = new Random(Seed);
        for (int round = 0; round < 300; round++)
        {
            int segmentSize = random.Next(400, 1360);
            // Without tags: a plain socket on the far side does not show them. Without IPv6 extension headers: the kernel
            // cuts behind a hop-by-hop header only where a device asks for it.
            SegmentBuilder builder = SegmentBuilder.Random(random, segmentSize + random.Next(1, 20_000)) with { Tags = [] };
            builder = builder.IsIpv4 ? builder : builder with { IpOptions = [] };
            Packet segment = builder.Rent(frames, segmentSize);
            List<byte[]> ours = frames.Cut(segment);
            Assert.Equal(1, near.Queues[0].Transmit(new ReadOnlySpan<Packet>(in segment), frames));
            for (int i = 0; i < ours.Count; i++)
            {
                byte[] theirs = far.Expect();
                Assert.True(ours[i].AsSpan().SequenceEqual(theirs), Difference(ours[i], theirs, $"seed {Seed}, round {round}, frame {i}, {builder}"));
            }
            Assert.Null(far.Receive());
        }
        Assert.Equal(0, near.ReadCounters().TransmitErrors);
    }

    private static string Difference(byte[] ours, byte[] theirs, string what)
    {
        int at = ours.AsSpan().CommonPrefixLength(theirs);
        return $"{what}: {ours.Length} and {theirs.Length} bytes, different from byte {at} on: {Convert.ToHexString(ours.AsSpan(0, Math.Min(ours.Length, 140)))} {Convert.ToHexString(theirs.AsSpan(0, Math.Min(theirs.Length, 140)))}";
    }
}
