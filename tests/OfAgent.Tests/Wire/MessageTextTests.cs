using System.Text;
using Softswitch.OfAgent.Tests.Text;
using Softswitch.OfAgent.Text;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Wire;

/// <summary>Hex in, text out: every message of the files, as we and as Open vSwitch read it.</summary>
public sealed class MessageTextTests
{
    [Theory, MemberData(nameof(MessageFiles.Names), MemberType = typeof(MessageFiles))]
    public void A_message_prints_as_its_file_says(string name)
    {
        MessageCase message = MessageFiles.Find(name);

        Assert.Equal(message.Text, TrimLines(MessageText.Format(message.Bytes)));
    }

    [Trait("Ring", "peers")]
    [Theory, MemberData(nameof(MessageFiles.NamesForOpenVSwitch), MemberType = typeof(MessageFiles))]
    public void Open_vSwitch_reads_the_same(string name)
    {
        MessageCase message = MessageFiles.Find(name);
        OvsOfctl.Require();
        string printed = OvsOfctl.Run("ofp-print", Convert.ToHexString(message.Bytes)).Output;

        Assert.Equal(FirstLines(message.Text, message.OvsLines), FirstLines(TrimLines(printed), message.OvsLines));
    }

    [Fact]
    public void A_packet_whose_ip_header_is_too_short_to_be_one_is_said_to_be_damaged()
    {
        byte[] packet = TestPacket.Udp();
        packet[14] = 0x43;
        StringBuilder text = new();
        PacketText.Append(text, packet);
        Assert.Contains(" (damaged: an IPv4 header of 12 bytes, IHL 3;", text.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("tp_src", text.ToString(), StringComparison.Ordinal);
    }

    private static string TrimLines(string text) => string.Join('\n', text.Split('\n').Select(l => l.TrimEnd())).TrimEnd();

    private static string FirstLines(string text, int count) => string.Join('\n', text.Split('\n').Take(count));
}
