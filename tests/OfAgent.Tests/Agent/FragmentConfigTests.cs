using Softswitch.Datapath.Fragments;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>SET_CONFIG and GET_CONFIG (OpenFlow 1.0.0 §5.3.2).</summary>
public sealed class FragmentConfigTests : AgentTest
{
    [Fact]
    public void The_last_set_config_wins_for_fragments_and_miss_send_len_stays_each_connections_own()
    {
        using RawController two = Harness.Connect();
        Controller.Configure(10, OfConfigFlags.FragmentsDrop);
        Assert.Equal(FragmentHandling.Drop, Harness.Control.Pipeline.FragmentHandling);
        two.Configure(20, OfConfigFlags.FragmentsReassemble);

        Assert.Equal(FragmentHandling.Reassemble, Harness.Control.Pipeline.FragmentHandling);
        Assert.Equal(new SwitchConfig(OfConfigFlags.FragmentsReassemble, 10), Get(Controller));
        Assert.Equal(new SwitchConfig(OfConfigFlags.FragmentsReassemble, 20), Get(two));
    }

    [Fact]
    public void A_slave_sets_its_own_miss_send_len_only()
    {
        Controller.Send(b => RoleMessage.WriteRequest(b, 8, ControllerRole.Slave));
        Controller.Read(OfType.Vendor);
        Controller.Configure(10, OfConfigFlags.FragmentsDrop);

        Assert.Equal(new SwitchConfig(OfConfigFlags.FragmentsNormal, 10), Get(Controller));
    }

    [Fact]
    public void Drop_and_reassemble_together_change_nothing()
    {
        Controller.Configure(128, OfConfigFlags.FragmentsDrop);
        Controller.Configure(7, OfConfigFlags.FragmentsMask);

        Assert.Equal(new SwitchConfig(OfConfigFlags.FragmentsDrop, 7), Get(Controller));
    }

    private static SwitchConfig Get(RawController controller)
    {
        controller.Send(b => ConfigMessage.WriteGetRequest(b, 2));
        Assert.True(ConfigMessage.TryDecode(controller.Read(OfType.GetConfigReply), out SwitchConfig config, out _));
        return config;
    }
}
