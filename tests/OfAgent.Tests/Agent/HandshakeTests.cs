using System.Buffers.Binary;
using System.Text;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>§5.5.1 and the requests that change nothing, over a socket.</summary>
public sealed class HandshakeTests : AgentTest
{
    [Fact]
    public void The_switch_says_hello_first_and_in_version_1()
    {
        using RawController controller = new(Harness.Agent.ListenPorts[0]);

        Assert.Equal(OfHeader.Version10, controller.Read(OfType.Hello)[0]);
    }

    [Fact]
    public void A_hello_of_a_higher_version_leads_to_version_1()
    {
        using RawController controller = new(Harness.Agent.ListenPorts[0]);
        controller.SendHex("04 00 00 10 00 00 00 01  00 01 00 08 00 00 00 12");
        controller.Send(b => EchoMessage.WriteRequest(b, 7));
        controller.Read(OfType.Hello);

        Assert.Equal(7u, RawController.XidOf(controller.Read(OfType.EchoReply)));
    }

    [Fact]
    public void Hellos_cross_and_the_first_request_may_come_with_the_hello()
    {
        using RawController controller = new(Harness.Agent.ListenPorts[0]);
        controller.Send(b =>
        {
            HelloMessage.Write(b, 1);
            FeaturesMessage.WriteRequest(b, 2);
            ConfigMessage.WriteSet(b, 3, new SwitchConfig(OfConfigFlags.FragmentsNormal, 0xffff));
            BarrierMessage.WriteRequest(b, 0xfeedbeef);
        });
        controller.Read(OfType.Hello);
        Assert.Equal(2u, RawController.XidOf(controller.Read(OfType.FeaturesReply)));
        Assert.Equal(0xfeedbeefu, RawController.XidOf(controller.Read(OfType.BarrierReply)));
    }

    [Fact]
    public void A_hello_of_version_0_is_answered_with_hello_failed_and_text_then_closed()
    {
        using RawController controller = new(Harness.Agent.ListenPorts[0]);
        controller.Read(OfType.Hello);
        controller.SendHex("00 00 00 08 00 00 00 05");

        (string name, uint xid, byte[] data) = controller.ReadError();
        Assert.Equal("OFPHFC_INCOMPATIBLE", name);
        Assert.Equal(5u, xid);
        Assert.Contains("OpenFlow 1.0", Encoding.ASCII.GetString(data), StringComparison.Ordinal);
        Assert.Null(controller.TryRead());
        controller.Dispose();
        Assert.Contains("version 0", Harness.WaitForLog("closed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("04 00 00 10 00 00 00 05  00 01 00 08 00 00 00 10", "OpenFlow 1.3 only")]
    [InlineData("06 00 00 18 00 00 00 05  00 07 00 05 ff 00 00 00 00 01 00 08 00 00 00 50", "OpenFlow 1.3, OpenFlow 1.5 only")]
    [InlineData("04 00 00 08 00 00 00 04  04 05 00 08 00 00 00 05", "OpenFlow 1.3 only")] // no bitmap; but it goes on in its version
    public void A_peer_that_speaks_only_newer_versions_is_told_so_and_so_is_the_log(string hex, string spoken)
    {
        using RawController controller = new(Harness.Agent.ListenPorts[0]);
        controller.Read(OfType.Hello);
        controller.SendHex(hex);

        (string name, uint xid, byte[] data) = controller.ReadError();
        Assert.Equal(("OFPHFC_INCOMPATIBLE", 5u), (name, xid));
        Assert.Contains("OpenFlow 1.0", Encoding.ASCII.GetString(data), StringComparison.Ordinal);
        Assert.Null(controller.TryRead());
        controller.Dispose();
        Assert.EndsWith($"closed: it speaks {spoken}; this switch 1.0", Harness.WaitForLog("closed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("04 00 00 08 00 00 00 01  04 01 00 11 00 00 00 02  00 00 00 00 6f 6e 6c 79 0a", "it refused OpenFlow 1.0, which is all that this switch speaks: OFPHFC_INCOMPATIBLE only?")]
    [InlineData("04 01 00 0c 00 00 00 02  00 00 00 00", "it refused OpenFlow 1.0, which is all that this switch speaks: OFPHFC_INCOMPATIBLE")]
    [InlineData("04 00 00 08 00 00 00 01", "closed by the peer; it offered up to OpenFlow 1.3, this switch speaks 1.0")]
    public void A_peer_that_leaves_because_of_the_version_is_a_line_that_says_so(string hex, string line)
    {
        using (RawController controller = new(Harness.Agent.ListenPorts[0]))
        {
            controller.Read(OfType.Hello);
            controller.SendHex(hex);
        }

        string first = Harness.WaitForLog(":"); // and no line before it says that the peer is connected
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
        using RawController controller = new(Harness.Agent.ListenPorts[0]);
        controller.SendHex(hex);
        controller.Read(OfType.Hello);
        Assert.False(Assert.Single(Harness.Agent.ReadConnections()).IsConnected);
        controller.Send(b => EchoMessage.WriteRequest(b, 7));
        controller.Read(OfType.EchoReply);
        Assert.True(Assert.Single(Harness.Agent.ReadConnections()).IsConnected);
    }

    [Fact]
    public void Nonsense_is_answered_and_closed_and_one_line_in_the_log()
    {
        using RawController controller = new(Harness.Agent.ListenPorts[0]);
        controller.Read(OfType.Hello);
        controller.SendBytes("GET / HTTP/1.1\r\nHost: switch\r\n\r\n"u8);

        Assert.Equal("OFPHFC_INCOMPATIBLE", controller.ReadError().Name);
        Assert.Null(controller.TryRead());
        controller.Dispose();
        Assert.Contains("no OpenFlow", Harness.WaitForLog("closed"), StringComparison.Ordinal);
        using RawController next = Harness.Connect();
        Assert.Empty(next.Barrier());
    }

    [Fact]
    public void A_peer_that_closes_in_the_middle_of_a_message_is_one_line()
    {
        using (RawController controller = Harness.Connect())
        {
            controller.Barrier();
            controller.SendHex("01 0e 00 48 00 00");
        }

        Assert.Contains("in the middle of a message", Harness.WaitForLog("closed by the peer"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_echo_returns_its_body()
    {
        Controller.Send(b => EchoMessage.WriteRequest(b, 9, "are you there"u8));

        byte[] reply = Controller.Read(OfType.EchoReply);
        Assert.Equal(9u, RawController.XidOf(reply));
        Assert.Equal("are you there", Encoding.ASCII.GetString(EchoMessage.BodyOf(reply)));
    }

    [Fact]
    public void Features_name_the_datapath_its_tables_and_its_ports()
    {
        List<PortDescription> ports = [];
        SwitchFeatures features = Controller.ReadFeatures(ports);

        const OfCapabilities capabilities = OfCapabilities.FlowStats | OfCapabilities.TableStats | OfCapabilities.PortStats
            | OfCapabilities.QueueStats | OfCapabilities.IpReassembly | OfCapabilities.ArpMatchIp;
        Assert.Equal((0x42ul, 1, (uint)Harness.Control.Buffers.Capacity), (features.DatapathId, features.TableCount, features.BufferCount));
        Assert.Equal((capabilities, 0xfffu), (features.Capabilities, features.Actions));
        Assert.Equal(["p1", "p2"], ports.Select(p => p.Name));
    }

    [Theory]
    [InlineData("02 02 00 08 00 00 00 01", "OFPBRC_BAD_VERSION")]
    [InlineData("00 02 00 08 00 00 00 01", "OFPBRC_BAD_VERSION")]
    [InlineData("04 05 00 08 00 00 00 01", "OFPBRC_BAD_VERSION")]
    [InlineData("01 63 00 08 00 00 00 01", "OFPBRC_BAD_TYPE")]
    [InlineData("01 63 00 c8 00 00 00 01", "OFPBRC_BAD_TYPE")] // longer than what an error quotes
    [InlineData("01 06 00 08 00 00 00 01", "OFPBRC_BAD_TYPE")] // a features reply, from a controller
    [InlineData("01 12 00 0c 00 00 00 01", "OFPBRC_BAD_LEN")]
    [InlineData("01 05 00 09 00 00 00 01", "OFPBRC_BAD_LEN")]
    [InlineData("01 09 00 08 00 00 00 01", "OFPBRC_BAD_LEN")]
    [InlineData("01 0d 00 0c 00 00 00 01", "OFPBRC_BAD_LEN")]
    [InlineData("01 0e 00 10 00 00 00 01", "OFPBRC_BAD_LEN")]
    [InlineData("01 0e 00 47 00 00 00 01", "OFPBRC_BAD_LEN")]
    [InlineData("01 0f 00 1f 00 00 00 01", "OFPBRC_BAD_LEN")]
    [InlineData("01 10 00 08 00 00 00 01", "OFPBRC_BAD_LEN")]
    [InlineData("01 10 00 0c 00 00 00 01 12 34 00 00", "OFPBRC_BAD_STAT")]
    [InlineData("01 10 00 10 00 00 00 01 ff ff 00 00 00 12 34 56", "OFPBRC_BAD_VENDOR")]
    [InlineData("01 10 00 10 00 00 00 01 00 00 00 00 00 00 00 00", "OFPBRC_BAD_LEN")] // description request with a body
    [InlineData("01 04 00 0c 00 00 00 01 de ad be ef", "OFPBRC_BAD_VENDOR")]
    [InlineData("01 04 00 10 00 00 00 01 00 00 26 e1 00 00 00 00", "OFPBRC_BAD_VENDOR")] // Big Switch, as Floodlight asks
    [InlineData("01 04 00 10 00 00 00 01 00 00 23 20 00 00 00 63", "OFPBRC_BAD_SUBTYPE")]
    [InlineData("01 14 00 0c 00 00 00 01 00 63 00 00", "OFPQOFC_BAD_PORT")]
    public void A_bad_request_gets_its_error_and_the_session_goes_on(string hex, string expected)
    {
        byte[] head = Convert.FromHexString(hex.Replace(" ", ""));
        int length = BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(2));
        byte[] message = [.. head, .. Enumerable.Range(head.Length, length - head.Length).Select(i => (byte)i)];
        Controller.SendBytes(message);

        (string name, uint xid, byte[] data) = Controller.ReadError();
        Assert.Equal((expected, 1u), (name, xid));
        Assert.Equal(message[..Math.Min(64, length)], data);
        Assert.Empty(Controller.Barrier());
    }

    [Fact]
    public void A_length_below_a_header_is_answered_then_closed()
    {
        Controller.SendHex("01 02 00 07 00 00 00 01");

        Assert.Equal("OFPBRC_BAD_LEN", Controller.ReadError().Name);
        Assert.Null(Controller.TryRead());
    }

    [Fact]
    public void Errors_are_never_answered_with_errors()
    {
        Controller.SendHex("01 01 00 08 00 00 00 01"); // shorter than an error can be
        Controller.Send(b => ErrorMessage.Write(b, 2, OfError.BadRequestBadType, [1, 2, 3]));

        Assert.Empty(Controller.Barrier());
        Assert.Contains("OFPBRC_BAD_TYPE", Harness.WaitForLog("reports"), StringComparison.Ordinal);
    }

    [Fact]
    public void Messages_in_one_segment_and_one_message_in_many_are_all_answered_in_order()
    {
        OfBuffer many = new();
        for (uint xid = 1; xid <= 500; xid++)
        {
            EchoMessage.WriteRequest(many, xid, new byte[xid % 7]);
            BarrierMessage.WriteRequest(many, xid);
        }
        ReadOnlySpan<byte> rest = many.Written;
        for (int part = 1; rest.Length > 0; part = (part % 11) + 1)
        {
            Controller.SendBytes(rest[..Math.Min(part, rest.Length)]);
            rest = rest[Math.Min(part, rest.Length)..];
        }
        for (uint xid = 1; xid <= 500; xid++)
        {
            Assert.Equal(xid, RawController.XidOf(Controller.Read(OfType.EchoReply)));
            Assert.Equal(xid, RawController.XidOf(Controller.Read(OfType.BarrierReply)));
        }
    }
}
