using Softswitch.Datapath.Actions;
using Softswitch.Datapath.Classification;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Nicira's role request.</summary>
public sealed class RoleTests
{
    [Theory]
    [InlineData(ControllerRole.Other)]
    [InlineData(ControllerRole.Master)]
    [InlineData(ControllerRole.Slave)]
    public void A_role_request_is_answered_with_the_role(ControllerRole role)
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();

        Assert.Equal(role, Request(controller, role));
    }

    [Fact]
    public void A_new_master_makes_the_old_one_a_slave_that_may_change_nothing_and_hears_nothing()
    {
        using AgentHarness harness = new();
        using RawController first = harness.Connect();
        using RawController second = harness.Connect();
        Request(first, ControllerRole.Master);
        Request(second, ControllerRole.Master);
        first.Send(b => FlowTableTests.WriteAdd(b, 3, FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller, 64)));
        Assert.Equal("OFPBRC_EPERM", first.ReadError().Name);

        second.Send(b => FlowTableTests.WriteAdd(b, 3, FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller, 64)));
        Assert.Empty(second.Barrier());
        harness.Ports[1].TryInject(TestPacket.Icmp());
        second.Read(OfType.PacketIn);
        Assert.Empty(first.Barrier());
    }

    [Fact]
    public void A_role_that_does_not_exist_is_refused()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => RoleMessage.WriteRequest(b, 1, (ControllerRole)3));

        Assert.Equal("type 1 code 513", controller.ReadError().Name); // NXBRC_BAD_ROLE
    }

    private static ControllerRole Request(RawController controller, ControllerRole role)
    {
        controller.Send(b => RoleMessage.WriteRequest(b, 8, role));
        Assert.True(RoleMessage.TryDecode(controller.Read(OfType.Vendor), out bool isReply, out ControllerRole granted, out _));
        Assert.True(isReply);
        return granted;
    }
}
