using Softswitch.Datapath.SpanningTree;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>Frames as they stand in IEEE 802.1D-1998 §9.3, and frames that only look so.</summary>
public sealed class BpduTests
{
    // As a Linux bridge sends it: root and speaker 8000.02:00:00:00:00:0a, port 8001, times 0, 20, 2 and 15 s, topology change.
    private const string Configuration =
        "0180c2000000" + "0200000000fe" + "0026" + "424203" + "0000" + "00" + "00" + "01"
        + "800002000000000a" + "00000004" + "800002000000000b" + "8001" + "0100" + "1400" + "0200" + "0f00" + "0000000000000000";

    private const string ChangeNotice = "0180c2000000" + "0200000000fe" + "0007" + "424203" + "0000" + "00" + "80";

    [Fact]
    public void A_configuration_is_read_and_written_as_it_stands()
    {
        byte[] frame = Convert.FromHexString(Configuration);
        Assert.True(Bpdu.TryDecode(frame, out Bpdu bpdu));
        Assert.False(bpdu.IsChangeNotice);
        Assert.Equal(new BridgePriority(0x8000_0200_0000_000a, 4, 0x8000_0200_0000_000b, 0x8001), bpdu.Priority);
        Assert.Equal(1000, bpdu.MessageAge);
        Assert.Equal(new BridgeTimes(20_000, 2000, 15_000), bpdu.Times);
        Assert.True(bpdu.TopologyChange);
        Assert.False(bpdu.ChangeAcknowledged);
        byte[] written = new byte[Bpdu.FrameLength];
        bpdu.Encode(written, new(0x0200_0000_00fe));
        Assert.Equal(frame, written);
    }

    [Fact]
    public void A_change_notice_is_read_without_padding_and_written_with_it()
    {
        byte[] frame = Convert.FromHexString(ChangeNotice);
        Assert.True(Bpdu.TryDecode(frame, out Bpdu bpdu));
        Assert.True(bpdu.IsChangeNotice);
        byte[] written = new byte[Bpdu.FrameLength];
        bpdu.Encode(written, new(0x0200_0000_00fe));
        Assert.Equal([.. frame, .. new byte[Bpdu.FrameLength - frame.Length]], written);
    }

    [Theory]
    [InlineData(Configuration, 52)]
    [InlineData(ChangeNotice, 21)]
    public unsafe void No_truncation_is_taken_for_a_bpdu_nor_read_beyond_its_end(string hex, int whole)
    {
        byte[] frame = Convert.FromHexString(hex);
        using GuardedMemory memory = new(frame.Length);
        for (int length = 0; length <= frame.Length; length++)
        {
            byte* placed = memory.PlaceAtEnd(frame.AsSpan(0, length));
            Assert.Equal(length >= whole, Bpdu.TryDecode(new ReadOnlySpan<byte>(placed, length), out _));
        }
    }

    [Theory]
    [InlineData(12, 0x05, "length 0x0526 is longer than the frame")]
    [InlineData(12, 0x08, "0x0826 is a type")]
    [InlineData(13, 0x25, "one octet short of a configuration")]
    [InlineData(13, 0x00, "nothing at all")]
    [InlineData(13, 0x2f, "one octet longer than the frame")]
    [InlineData(14, 0xaa, "SNAP")]
    [InlineData(15, 0x43, "another SSAP")]
    [InlineData(16, 0x13, "not unnumbered information")]
    [InlineData(17, 0x01, "another protocol")]
    [InlineData(18, 0x01, "GARP")]
    [InlineData(20, 0x02, "rapid spanning tree")]
    [InlineData(20, 0x7f, "no type there is")]
    [InlineData(44, 0x14, "as old as it may get")]
    [InlineData(46, 0x01, "a maximum age of a second, reached")]
    public void What_lies_is_no_bpdu(int offset, byte value, string why)
    {
        byte[] frame = Convert.FromHexString(Configuration);
        frame[offset] = value;
        Assert.False(Bpdu.TryDecode(frame, out _), why);
    }

    [Fact]
    public void Versions_to_come_are_read_as_far_as_they_are_known()
    {
        byte[] frame = Convert.FromHexString(Configuration);
        frame[19] = 3;
        Assert.True(Bpdu.TryDecode(frame, out _));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Random_and_mutated_frames_do_no_more_than_real_ones_could(int seed)
    {
        Random random = new(seed);
        BridgeNetwork network = new();
        SimulatedBridge bridge = network.AddBridge(0x8000_0200_0000_000a);
        for (int i = 0; i < 4; i++)
        {
            network.Connect(bridge);
        }
        byte[] original = Convert.FromHexString(Configuration);
        int valid = 0;
        for (int i = 0; i < 200_000; i++)
        {
            byte[] frame = i % 3 == 0 ? new byte[random.Next(120)] : (byte[])original.Clone();
            if (i % 3 == 0)
            {
                random.NextBytes(frame);
            }
            for (int changes = random.Next(6); changes > 0 && frame.Length > 0; changes--)
            {
                frame[random.Next(frame.Length)] = (byte)random.Next(256);
            }
            if (Bpdu.TryDecode(frame, out Bpdu bpdu))
            {
                valid++;
                bridge.Machine.Receive(bridge.Machine.Ports[random.Next(4)], bpdu, network.Now);
            }
            if (i % 100 == 0)
            {
                network.Run(1);
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}: {valid} valid");
        Assert.InRange(valid, 10_000, 190_000);
        // One BPDU per port and second at most (and a change notice per hello, or change, on the root port).
        Assert.InRange(network.SentCount, 1, 4 * 2 * 2000);
        Assert.Equal(4, bridge.Machine.Ports.Count);
        network.Run(80); // 40 s is the oldest that anything gets
        Assert.True(bridge.Machine.Paths.IsRoot);
        network.Run(31);
        Assert.All(bridge.Machine.Ports, port => Assert.Equal(BridgePortState.Forwarding, port.State));
    }
}
