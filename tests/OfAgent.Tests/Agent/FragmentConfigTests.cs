using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>OFPC_FRAG_* of SET_CONFIG over a socket (OpenFlow 1.0.0 §5.3.2).</summary>
public sealed class FragmentConfigTests
{
    [Theory]
    [InlineData(OfConfigFlags.FragmentsNormal, 3)]
    [InlineData(OfConfigFlags.FragmentsDrop, 0)]
    [InlineData(OfConfigFlags.FragmentsReassemble, 1)]
    internal void Fragments_are_treated_as_set_config_says(OfConfigFlags flags, int packets)
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => FlowTableTests.WriteAdd(b, 1, FlowMatch.Any, 1, FlowAction.Output(2)));
        Set(controller, flags);
        foreach (byte[] fragment in Ipv4Fragments.CutAll(TestPacket.Udp(payload: 4000), 1480))
        {
            Assert.True(harness.Ports[1].TryInject(fragment));
        }
        byte[] last = TestPacket.Arp();
        Assert.True(harness.Ports[1].TryInject(last));
        List<byte[]> received = harness.Collect(2, packets + 1);

        Assert.Equal(packets + 1, received.Count);
        Assert.Equal(last, received[^1]);
    }

    [Fact]
    public void The_last_set_config_wins_for_fragments_and_miss_send_len_stays_each_connections_own()
    {
        using AgentHarness harness = new();
        using RawController one = harness.Connect();
        using RawController two = harness.Connect();
        Set(one, OfConfigFlags.FragmentsDrop, 10);
        Set(two, OfConfigFlags.FragmentsReassemble, 20);

        Assert.Equal(new SwitchConfig(OfConfigFlags.FragmentsReassemble, 10), Get(one));
        Assert.Equal(new SwitchConfig(OfConfigFlags.FragmentsReassemble, 20), Get(two));
    }

    [Fact]
    public void A_slave_sets_its_own_miss_send_len_only()
    {
        using AgentHarness harness = new();
        using RawController slave = harness.Connect();
        slave.Send(b => RoleMessage.WriteRequest(b, 8, ControllerRole.Slave));
        slave.Read(OfType.Vendor);
        Set(slave, OfConfigFlags.FragmentsDrop, 10);

        Assert.Equal(new SwitchConfig(OfConfigFlags.FragmentsNormal, 10), Get(slave));
    }

    [Fact]
    public void Drop_and_reassemble_together_change_nothing()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        Set(controller, OfConfigFlags.FragmentsDrop);
        Set(controller, OfConfigFlags.FragmentsMask, 7);

        Assert.Equal(new SwitchConfig(OfConfigFlags.FragmentsDrop, 7), Get(controller));
    }

    [Fact]
    public void Reassembly_is_among_the_capabilities()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => FeaturesMessage.WriteRequest(b, 3));
        Assert.True(FeaturesMessage.TryDecodeReply(controller.Read(OfType.FeaturesReply), new List<PortDescription>(), out SwitchFeatures features, out _));
        Assert.True(features.Capabilities.HasFlag(OfCapabilities.IpReassembly));
    }

    private static void Set(RawController controller, OfConfigFlags flags, ushort missSendLength = 128)
    {
        controller.Send(b => ConfigMessage.WriteSet(b, 1, new SwitchConfig(flags, missSendLength)));
        Assert.Empty(controller.Barrier());
    }

    private static SwitchConfig Get(RawController controller)
    {
        controller.Send(b => ConfigMessage.WriteGetRequest(b, 2));
        Assert.True(ConfigMessage.TryDecode(controller.Read(OfType.GetConfigReply), out SwitchConfig config, out _));
        return config;
    }
}
