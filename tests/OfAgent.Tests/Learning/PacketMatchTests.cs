using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Learning;
using Softswitch.OfAgent.Text;

namespace Softswitch.OfAgent.Tests.Learning;

public class PacketMatchTests
{
    private const string Addresses = "0a0000000001" + "0a0000000002";
    private const string Ip = "0a0000010a000002";

    [Theory]
    [InlineData("0800" + "4520002800004000" + "4006" + "0000" + Ip + "04d20050", "tcp,nw_tos=32,tp_src=1234,tp_dst=80")]
    [InlineData("0800" + "4500002800000000" + "4001" + "0000" + Ip + "0801", "icmp,nw_tos=0")] // cut before its checksum: ports unknown
    [InlineData("0800" + "4500002800000000" + "4001" + "0000" + Ip + "08010000", "icmp,nw_tos=0,icmp_type=8,icmp_code=1")]
    [InlineData("0800" + "46000028000000004011" + "0000" + Ip + "01010101" + "00350036", "udp,nw_tos=0,tp_src=53,tp_dst=54")]
    [InlineData("0800" + "4500002800002000" + "4011" + "0000" + Ip + "00350036", "udp,nw_tos=0")] // first fragment
    [InlineData("0800" + "4500002800000001" + "4011" + "0000" + Ip + "00350036", "udp,nw_tos=0")] // later fragment
    public void Ip_fields_are_those_of_the_packet(string packet, string expected)
    {
        Assert.Equal($"{expected.Split(',')[0]},in_port=3,vlan_tci=0x0000,dl_src=0a:00:00:00:00:02,dl_dst=0a:00:00:00:00:01,"
            + $"nw_src=10.0.0.1,nw_dst=10.0.0.2,{expected[(expected.IndexOf(',') + 1)..]}", Describe(packet));
    }

    [Theory]
    [InlineData("0806" + "0001080006040002" + "0a00000000020a000001" + "0a00000000010a000002", "arp", ",arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_op=2")]
    [InlineData("88cc" + "0207", "", ",dl_type=0x88cc")]
    [InlineData("0026" + "424203", "", ",dl_type=0x05ff")]
    [InlineData("0026" + "aaaa03000000" + "88cc", "", ",dl_type=0x88cc")]
    public void Other_packets_have_their_type_as_the_specification_defines_it(string packet, string word, string expected)
    {
        string described = Describe(packet).Replace(",nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_proto=0", "", StringComparison.Ordinal);
        described = described.Replace(",nw_tos=0,tp_src=0,tp_dst=0", "", StringComparison.Ordinal);
        Assert.Equal($"{(word.Length > 0 ? word + "," : "")}in_port=3,vlan_tci=0x0000,dl_src=0a:00:00:00:00:02,dl_dst=0a:00:00:00:00:01{expected}", described);
    }

    [Fact]
    public void No_bytes_make_it_throw()
    {
        const int seed = 12;
        Random random = new(seed);
        ReadOnlySpan<byte> types = [0x08, 0x00, 0x08, 0x06, 0x81, 0x00, 0x00, 0x20];
        for (int i = 0; i < 100_000; i++)
        {
            byte[] packet = new byte[random.Next(80)];
            random.NextBytes(packet);
            if (packet.Length >= 14)
            {
                types.Slice(2 * random.Next(4), 2).CopyTo(packet.AsSpan(12));
            }
            Assert.Equal(packet.Length >= 14, PacketMatch.TryCreate(packet, 1, out _));
        }
    }

    private static string Describe(string packet)
    {
        Assert.True(PacketMatch.TryCreate(Convert.FromHexString(Addresses + packet), 3, out FlowMatch match));
        System.Text.StringBuilder text = new();
        MatchText.Append(text, match);
        return text.ToString();
    }
}
