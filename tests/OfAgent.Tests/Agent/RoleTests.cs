using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Nicira's role request.</summary>
public sealed class RoleTests : AgentTest
{
    [Theory]
    [InlineData(ControllerRole.Other)]
    [InlineData(ControllerRole.Master)]
    [InlineData(ControllerRole.Slave)]
    public void A_role_request_is_answered_with_the_role(ControllerRole role)
    {
        Assert.Equal(role, Request(Controller, role));
    }

    [Fact]
    public void A_new_master_makes_the_old_one_a_slave_that_may_change_nothing_and_hears_nothing()
    {
        using RawController first = Harness.Connect();
        using RawController second = Harness.Connect();
        Request(first, ControllerRole.Master);
        Request(second, ControllerRole.Master);
        first.Send(b => FlowTableTests.WriteAdd(b, 3, FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller, 64)));
        Assert.Equal("OFPBRC_EPERM", first.ReadError().Name);

        second.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller, 64));
        Harness.Ports[1].TryInject(TestPacket.Icmp());
        second.Read(OfType.PacketIn);
        Assert.Empty(first.Barrier());
    }

    [Fact]
    public void A_role_that_does_not_exist_is_refused()
    {
        Controller.Send(b => RoleMessage.WriteRequest(b, 1, (ControllerRole)3));

        Assert.Equal("type 1 code 513", Controller.ReadError().Name); // NXBRC_BAD_ROLE
    }

    [Fact]
    public void A_slave_reads_and_hears_of_ports_but_changes_nothing()
    {
        using RawController slave = Harness.Connect();
        Request(slave, ControllerRole.Slave);
        foreach (Action<OfBuffer> change in (Action<OfBuffer>[])[
            b => FlowTableTests.WriteAdd(b, 3, FlowMatch.Any, 1),
            b => PacketOutMessage.Write(b, 3, new PacketOut { BufferId = FlowMod.NoBuffer, InPort = PortNumber.None }),
            b => PortModMessage.Write(b, 3, new PortMod(1, default, PortConfig.None, PortConfig.NoFlood, default))])
        {
            slave.Send(change);
            Assert.Equal("OFPBRC_EPERM", slave.ReadError().Name);
        }
        slave.ReadFeatures([]);
        slave.ReadStatistics(OfStatsType.Description, (b, xid) => StatsMessage.WriteRequest(b, xid, OfStatsType.Description));
        Harness.Ports[1].SetLink(false);
        slave.Read(OfType.PortStatus);

        Assert.Equal(ControllerRole.Other, Request(slave, ControllerRole.Other));
        slave.Add(FlowMatch.Any, 1);
    }

    [Theory]
    [InlineData(NiciraFormatMessage.FlowFormatSubtype)]
    [InlineData(NiciraFormatMessage.PacketInFormatSubtype)]
    public void Niciras_requests_for_formats_are_granted_for_OpenFlow_1_0_s_own_and_refused_for_others(uint subtype)
    {
        Controller.Send(b => NiciraFormatMessage.WriteRequest(b, 5, subtype, 0));
        Assert.Empty(Controller.Barrier());

        Controller.Send(b => NiciraFormatMessage.WriteRequest(b, 6, subtype, 1));
        Assert.Equal(("OFPBRC_EPERM", 6u), Controller.ReadError() is var (name, xid, _) ? (name, xid) : default);
    }

    [Theory]
    [InlineData(0, 1u)]
    [InlineData(0xff, 1u)]
    [InlineData(1, 0u)]
    public void Flow_mods_may_name_the_table_of_which_there_is_one(byte table, uint expected)
    {
        Send(FlowModCommand.Add);
        if (table != 0)
        {
            Assert.Equal("OFPFMFC_BAD_COMMAND", Controller.ReadError().Name); // nobody asked for it yet
        }
        Controller.Send(b => FlowModMessage.Write(b, 4, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));
        Controller.Send(b => NiciraFormatMessage.WriteRequest(b, 5, NiciraFormatMessage.FlowModTableIdSubtype, 1));
        Send(FlowModCommand.Add);
        if (expected == 0)
        {
            Assert.Equal("OFPBRC_EPERM", Controller.ReadError().Name);
        }
        Assert.Empty(Controller.Barrier());
        Assert.Equal(expected, Harness.Control.ReadTable().ActiveCount);

        Controller.Send(b => NiciraFormatMessage.WriteRequest(b, 5, NiciraFormatMessage.FlowModTableIdSubtype, 0));
        Controller.Send(b => FlowTableTests.WriteAdd(b, 6, FlowMatch.Any, 2));
        Controller.Send(b => NiciraFormatMessage.WriteRequest(b, 5, NiciraFormatMessage.FlowModTableIdSubtype, 1));
        Send(FlowModCommand.Delete);
        Assert.Empty(Controller.Barrier());
        Assert.Equal(expected == 0 ? 1u : 0u, Harness.Control.ReadTable().ActiveCount);

        void Send(FlowModCommand command) => Controller.Send(
            b => FlowModMessage.Write(b, 6, new FlowMod { Command = (FlowModCommand)((table << 8) | (int)command), Match = FlowMatch.Any, Priority = 1 }));
    }

    private static ControllerRole Request(RawController controller, ControllerRole role)
    {
        controller.Send(b => RoleMessage.WriteRequest(b, 8, role));
        Assert.True(RoleMessage.TryDecode(controller.Read(OfType.Vendor), out bool isReply, out ControllerRole granted, out _));
        Assert.True(isReply);
        return granted;
    }
}
