using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Flows;

[Trait("HardwarePaths", "FlowKeyParser")]
[Trait("HardwarePaths", "FlowKey")]
public sealed unsafe class FlowKeyParserTests
{
    private const int RandomFrames = 10_000;

    [Fact]
    public void Random_frames_give_the_key_the_specification_describes()
    {
        const int seed = 1001;
        RandomMatches random = new(seed);
        for (int i = 0; i < RandomFrames; i++)
        {
            AssertAgrees(random.NextFrame(), $"seed {seed}, frame {i}");
        }
    }

    [Fact]
    public void Every_truncation_gives_the_key_of_what_is_left()
    {
        RandomMatches random = new(1002);
        for (int i = 0; i < 300; i++)
        {
            byte[] frame = random.NextFrame();
            for (int length = 0; length < frame.Length; length++)
            {
                AssertAgrees(frame[..length], $"frame {i} cut to {length}");
            }
        }
    }

    [Fact]
    public void Frames_with_random_bytes_changed_never_read_beyond_their_end_and_agree()
    {
        const int seed = 1003;
        RandomMatches random = new(seed);
        for (int i = 0; i < RandomFrames; i++)
        {
            byte[] frame = random.NextFrame();
            for (int changes = random.Random.Next(1, 6); changes > 0; changes--)
            {
                // Mostly in the headers, where lengths lie.
                frame[random.Random.Next(Math.Min(frame.Length, 40))] = (byte)random.Random.Next(256);
            }
            AssertAgrees(frame, $"seed {seed}, frame {i}");
        }
    }

    [Fact]
    public void Snap_with_oui_0_gives_the_type_and_its_fields()
    {
        byte[] ip = TestPacket.Tcp(dstPort: 443)[14..];
        byte[] frame = TestPacket.Ethernet((ushort)(ip.Length + 8), [0xaa, 0xaa, 3, 0, 0, 0, 8, 0, .. ip]);
        FlowKey key = Parse(frame, out HeaderOffsets layout);
        Assert.Equal(EtherType.Ipv4, key.DlType.Host);
        Assert.Equal(443, key.TpDst.Host);
        Assert.Equal(22, layout.NetworkOffset);
    }

    [Theory]
    [InlineData(new byte[] { 0x42, 0x42, 3, 0, 0, 0, 8, 0 })]
    [InlineData(new byte[] { 0xaa, 0xaa, 3, 0, 0, 1, 8, 0 })]
    [InlineData(new byte[] { 0xaa, 0xaa })]
    public void Other_802_3_frames_have_type_05ff(byte[] llc)
    {
        Assert.Equal(0x05ff, Parse(TestPacket.Ethernet((ushort)llc.Length, llc), out _).DlType.Host);
    }

    [Fact]
    public void Behind_a_second_tag_nothing_is_parsed()
    {
        byte[] inner = TestPacket.Udp(vlan: 7);
        byte[] frame = [.. inner[..12], 0x81, 0, 0, 9, .. inner[12..]];
        FlowKey key = Parse(frame, out _);
        Assert.Equal(FlowKey.VlanPresent | 9, key.Vlan.Host);
        Assert.Equal(EtherType.Vlan, key.DlType.Host);
        Assert.Equal(0, key.NwProto);
    }

    [Fact]
    public void A_service_tag_is_a_type_and_hides_what_is_behind_it()
    {
        byte[] inner = TestPacket.Udp(vlan: 7);
        FlowKey key = Parse([.. inner[..12], 0x88, 0xa8, 0, 9, .. inner[12..]], out _);
        Assert.Equal((0, 0x88a8, 0, default(Be32)), (key.Vlan.Host, key.DlType.Host, key.NwProto, key.NwDst));
    }

    [Theory]
    [InlineData(0x2000)] // first
    [InlineData(0x2010)] // middle
    [InlineData(0x0010)] // last
    public void Fragments_have_ports_0(int fragment)
    {
        FlowKey key = Parse(TestPacket.Udp(fragment: (ushort)fragment), out HeaderOffsets layout);
        Assert.Equal(IpProtocol.Udp, key.NwProto);
        Assert.Equal(0, key.TpSrc.Raw);
        Assert.Equal(0, key.TpDst.Raw);
        // Rewriting needs to know that only the first one has the header.
        Assert.Equal(fragment == 0x2000, (layout.Flags & HeaderFlags.Udp) != 0);
    }

    [Fact]
    public void Rarp_is_matched_by_its_type_alone()
    {
        byte[] arp = TestPacket.Arp()[14..];
        FlowKey key = Parse(TestPacket.Ethernet(EtherType.Rarp, arp), out _);
        Assert.Equal(EtherType.Rarp, key.DlType.Host);
        Assert.Equal(0u, key.NwSrc.Raw);
    }

    private static void AssertAgrees(byte[] frame, string what)
    {
        const ushort inPort = 3;
        FlowMatch expected = ReferenceParser.Parse(frame, inPort);
        MatchNormalizer.Normalize(expected, out FlowKey expectedKey, out _);
        FlowKey key = Parse(frame, out _, inPort);
        Assert.True(expectedKey == Comparable(key), $"{what}: {Convert.ToHexString(frame)}\nexpected {expectedKey}\nactual   {key}");
    }

    // A frame too short for an Ethernet header has a key of nothing; as a match that would be a tag.
    private static FlowKey Comparable(FlowKey key)
    {
        if (key.DlType.Raw == 0 && key.DlSrc.Value == 0 && key.DlDst.Value == 0 && key.Vlan.Raw == 0)
        {
            key.Vlan = Be16.FromHost(FlowKey.VlanPresent);
        }
        return key;
    }

    private static FlowKey Parse(byte[] frame, out HeaderOffsets layout, ushort inPort = 1)
    {
        using GuardedMemory memory = new(frame.Length);
        FlowKey key;
        HeaderOffsets parsed;
        FlowKeyParser.Parse(memory.PlaceAtEnd(frame), frame.Length, inPort, &key, &parsed);
        layout = parsed;
        return key;
    }
}
