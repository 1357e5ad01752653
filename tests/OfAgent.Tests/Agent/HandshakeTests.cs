using System.Buffers.Binary;
using System.Text;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>§5.5.1 and the requests that change nothing, over a socket.</summary>
public sealed class HandshakeTests
{
    [Fact]
    public void The_switch_says_hello_first_and_in_version_1()
    {
        using AgentHarness harness = new();
        using RawController controller = new(harness.Agent.ListenPorts[0]);

        Assert.Equal(OfHeader.Version10, controller.Read(OfType.Hello)[0]);
    }

    [Fact]
    public void A_hello_of_a_higher_version_leads_to_version_1()
    {
        using AgentHarness harness = new();
        using RawController controller = new(harness.Agent.ListenPorts[0]);
        controller.SendHex("04 00 00 10 00 00 00 01  00 01 00 08 00 00 00 12");
        controller.Send(b => EchoMessage.WriteRequest(b, 7));
        controller.Read(OfType.Hello);

        Assert.Equal(7u, RawController.XidOf(controller.Read(OfType.EchoReply)));
    }

    [Fact]
    public void A_hello_of_version_0_is_answered_with_hello_failed_and_text_then_closed()
    {
        using AgentHarness harness = new();
        using RawController controller = new(harness.Agent.ListenPorts[0]);
        controller.Read(OfType.Hello);
        controller.SendHex("00 00 00 08 00 00 00 05");

        (string name, uint xid, byte[] data) = controller.ReadError();
        Assert.Equal("OFPHFC_INCOMPATIBLE", name);
        Assert.Equal(5u, xid);
        Assert.Contains("OpenFlow 1.0", Encoding.ASCII.GetString(data), StringComparison.Ordinal);
        Assert.Null(controller.TryRead());
        controller.Dispose();
        Assert.Contains("version 0", harness.WaitForLog("closed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("04 00 00 10 00 00 00 05  00 01 00 08 00 00 00 10", "OpenFlow 1.3 only")]
    [InlineData("06 00 00 18 00 00 00 05  00 07 00 05 ff 00 00 00 00 01 00 08 00 00 00 50", "OpenFlow 1.3, OpenFlow 1.5 only")]
    [InlineData("04 00 00 08 00 00 00 04  04 05 00 08 00 00 00 05", "OpenFlow 1.3 only")] // no bitmap; but it goes on in its version
    public void A_peer_that_speaks_only_newer_versions_is_told_so_and_so_is_the_log(string hex, string spoken)
    {
        using AgentHarness harness = new();
        using RawController controller = new(harness.Agent.ListenPorts[0]);
        controller.Read(OfType.Hello);
        controller.SendHex(hex);

        (string name, uint xid, byte[] data) = controller.ReadError();
        Assert.Equal(("OFPHFC_INCOMPATIBLE", 5u), (name, xid));
        Assert.Contains("OpenFlow 1.0", Encoding.ASCII.GetString(data), StringComparison.Ordinal);
        Assert.Null(controller.TryRead());
        controller.Dispose();
        Assert.EndsWith($"closed: it speaks {spoken}; this switch 1.0", harness.WaitForLog("closed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("04 00 00 08 00 00 00 01  04 01 00 11 00 00 00 02  00 00 00 00 6f 6e 6c 79 0a", "it refused OpenFlow 1.0, which is all that this switch speaks: OFPHFC_INCOMPATIBLE only?")]
    [InlineData("04 01 00 0c 00 00 00 02  00 00 00 00", "it refused OpenFlow 1.0, which is all that this switch speaks: OFPHFC_INCOMPATIBLE")]
    [InlineData("04 00 00 08 00 00 00 01", "closed by the peer; it offered up to OpenFlow 1.3, this switch speaks 1.0")]
    public void A_peer_that_leaves_because_of_the_version_is_a_line_that_says_so(string hex, string line)
    {
        using AgentHarness harness = new();
        using (RawController controller = new(harness.Agent.ListenPorts[0]))
        {
            controller.Read(OfType.Hello);
            controller.SendHex(hex);
        }

        string first = harness.WaitForLog(":"); // and no line before it says that the peer is connected
        Assert.EndsWith(line, first, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("04 00 00 08 00 00 00 01")] // the highest version alone
    [InlineData("06 00 00 0c 00 00 00 01  00 01 00 00")]
    [InlineData("06 00 00 0c 00 00 00 01  00 01 00 ff")]
    [InlineData("06 00 00 0e 00 00 00 01  00 01 00 06 00 00")]
    [InlineData("06 00 00 10 00 00 00 01  00 01 00 08 00 00 00 00")]
    [InlineData("06 00 00 0b 00 00 00 01  00 01 00")]
    public void A_hello_that_leaves_open_whether_1_0_is_spoken_is_believed_once_it_is(string hex)
    {
        using AgentHarness harness = new();
        using RawController controller = new(harness.Agent.ListenPorts[0]);
        controller.SendHex(hex);
        controller.Read(OfType.Hello);
        Assert.False(Assert.Single(harness.Agent.ReadConnections()).IsConnected);
        controller.Send(b => EchoMessage.WriteRequest(b, 7));
        controller.Read(OfType.EchoReply);
        Assert.True(Assert.Single(harness.Agent.ReadConnections()).IsConnected);
    }

    [Fact]
    public void Nonsense_is_answered_and_closed_and_one_line_in_the_log()
    {
        using AgentHarness harness = new();
        using RawController controller = new(harness.Agent.ListenPorts[0]);
        controller.Read(OfType.Hello);
        controller.SendBytes("GET / HTTP/1.1\r\nHost: switch\r\n\r\n"u8);

        Assert.Equal("OFPHFC_INCOMPATIBLE", controller.ReadError().Name);
        Assert.Null(controller.TryRead());
        controller.Dispose();
        Assert.Contains("no OpenFlow", harness.WaitForLog("closed"), StringComparison.Ordinal);
        using RawController next = harness.Connect();
        Assert.Empty(next.Barrier());
    }

    [Fact]
    public void A_peer_that_closes_in_the_middle_of_a_message_is_one_line()
    {
        using AgentHarness harness = new();
        using (RawController controller = harness.Connect())
        {
            controller.Barrier();
            controller.SendHex("01 0e 00 48 00 00");
        }

        Assert.Contains("in the middle of a message", harness.WaitForLog("closed by the peer"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_echo_returns_its_body()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => EchoMessage.WriteRequest(b, 9, "are you there"u8));

        byte[] reply = controller.Read(OfType.EchoReply);
        Assert.Equal(9u, RawController.XidOf(reply));
        Assert.Equal("are you there", Encoding.ASCII.GetString(EchoMessage.BodyOf(reply)));
    }

    [Fact]
    public void Features_name_the_datapath_its_tables_and_its_ports()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => FeaturesMessage.WriteRequest(b, 3));
        List<PortDescription> ports = [];

        Assert.True(FeaturesMessage.TryDecodeReply(controller.Read(OfType.FeaturesReply), ports, out SwitchFeatures features, out _));
        Assert.Equal(0x42ul, features.DatapathId);
        Assert.Equal(1, features.TableCount);
        Assert.Equal((uint)harness.Control.BufferCount, features.BufferCount);
        Assert.Equal(["p1", "p2"], ports.Select(p => p.Name));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 128)]
    [InlineData(2, 65535)]
    public void Get_config_returns_what_set_config_set(int flags, int missSendLength)
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        SwitchConfig config = new((OfConfigFlags)flags, (ushort)missSendLength);
        controller.Send(b => ConfigMessage.WriteSet(b, 1, config));
        controller.Send(b => ConfigMessage.WriteGetRequest(b, 2));

        Assert.True(ConfigMessage.TryDecode(controller.Read(OfType.GetConfigReply), out SwitchConfig reported, out _));
        Assert.Equal(config, reported);
    }

    [Theory]
    [InlineData("02 02 00 08 00 00 00 01", "OFPBRC_BAD_VERSION")]
    [InlineData("00 02 00 08 00 00 00 01", "OFPBRC_BAD_VERSION")]
    [InlineData("01 63 00 08 00 00 00 01", "OFPBRC_BAD_TYPE")]
    [InlineData("01 06 00 08 00 00 00 01", "OFPBRC_BAD_TYPE")] // a features reply, from a controller
    [InlineData("01 12 00 0c 00 00 00 01 00 00 00 00", "OFPBRC_BAD_LEN")]
    [InlineData("01 05 00 0c 00 00 00 01 00 00 00 00", "OFPBRC_BAD_LEN")]
    [InlineData("01 09 00 08 00 00 00 01", "OFPBRC_BAD_LEN")]
    [InlineData("01 0e 00 10 00 00 00 01 00 00 00 00 00 00 00 00", "OFPBRC_BAD_LEN")]
    [InlineData("01 10 00 08 00 00 00 01", "OFPBRC_BAD_LEN")]
    [InlineData("01 10 00 0c 00 00 00 01 12 34 00 00", "OFPBRC_BAD_STAT")]
    [InlineData("01 10 00 10 00 00 00 01 ff ff 00 00 00 12 34 56", "OFPBRC_BAD_VENDOR")]
    [InlineData("01 10 00 10 00 00 00 01 00 00 00 00 00 00 00 00", "OFPBRC_BAD_LEN")] // description request with a body
    [InlineData("01 04 00 10 00 00 00 01 00 12 34 56 00 00 00 01", "OFPBRC_BAD_VENDOR")]
    [InlineData("01 04 00 10 00 00 00 01 00 00 23 20 00 00 00 63", "OFPBRC_BAD_SUBTYPE")]
    [InlineData("01 14 00 0c 00 00 00 01 00 63 00 00", "OFPQOFC_BAD_PORT")]
    public void A_bad_request_gets_its_error_and_the_session_goes_on(string hex, string error)
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.SendHex(hex);

        (string name, uint xid, byte[] data) = controller.ReadError();
        Assert.Equal(error, name);
        Assert.Equal(1u, xid);
        Assert.Equal(Convert.FromHexString(hex.Replace(" ", "")), data);
        Assert.Empty(controller.Barrier());
    }

    [Fact]
    public void An_error_carries_the_first_64_bytes_of_a_long_message()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        byte[] message = new byte[200];
        Random.Shared.NextBytes(message);
        (message[0], message[1]) = (1, 99);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), 200);
        controller.SendBytes(message);

        Assert.Equal(message[..64], controller.ReadError().Data);
    }

    [Fact]
    public void A_length_below_a_header_is_answered_then_closed()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.SendHex("01 02 00 07 00 00 00 01");

        Assert.Equal("OFPBRC_BAD_LEN", controller.ReadError().Name);
        Assert.Null(controller.TryRead());
    }

    [Fact]
    public void Errors_are_never_answered_with_errors()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.SendHex("01 01 00 08 00 00 00 01"); // shorter than an error can be
        controller.Send(b => ErrorMessage.Write(b, 2, OfError.BadRequestBadType, [1, 2, 3]));

        Assert.Empty(controller.Barrier());
        Assert.Contains("OFPBRC_BAD_TYPE", harness.WaitForLog("reports"), StringComparison.Ordinal);
    }

    [Fact]
    public void Messages_in_one_segment_and_one_message_in_many_are_all_answered_in_order()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        OfBuffer many = new();
        for (uint xid = 1; xid <= 500; xid++)
        {
            EchoMessage.WriteRequest(many, xid, new byte[xid % 7]);
            BarrierMessage.WriteRequest(many, xid);
        }
        ReadOnlySpan<byte> rest = many.Written;
        for (int part = 1; rest.Length > 0; part = (part % 11) + 1)
        {
            controller.SendBytes(rest[..Math.Min(part, rest.Length)]);
            rest = rest[Math.Min(part, rest.Length)..];
        }
        for (uint xid = 1; xid <= 500; xid++)
        {
            Assert.Equal(xid, RawController.XidOf(controller.Read(OfType.EchoReply)));
            Assert.Equal(xid, RawController.XidOf(controller.Read(OfType.BarrierReply)));
        }
    }
}
