using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.SpanningTree;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>What controllers see of spanning tree (OpenFlow 1.0.0 §4.5).</summary>
public sealed class SpanningTreeTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OFPC_STP_and_port_states_are_shown_only_by_a_switch_with_spanning_tree(bool enabled)
    {
        using AgentHarness harness = new(datapath: new DatapathOptions { SpanningTree = enabled ? new SpanningTreeOptions() : null, TimeProvider = new TestTime() });
        using RawController controller = harness.Connect();
        List<PortDescription> ports = [];
        Assert.Equal(enabled, controller.ReadFeatures(ports).Capabilities.HasFlag(OfCapabilities.Stp));
        Assert.All(ports, port => Assert.Equal(PortState.StpListen, port.State));
    }

    [Fact]
    public void Every_change_of_state_is_a_port_status()
    {
        TestTime time = new();
        using AgentHarness harness = new(datapath: new DatapathOptions { SpanningTree = new SpanningTreeOptions(), TimeProvider = time });
        using RawController controller = harness.Connect();
        controller.Barrier();
        foreach (PortState state in (PortState[])[PortState.StpLearn, PortState.StpForward])
        {
            time.Advance(TimeSpan.FromSeconds(15));
            Assert.Equal((1, state), ReadStatus(controller));
            Assert.Equal((2, state), ReadStatus(controller));
        }
        harness.Ports[2].SetLink(up: false);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((2, PortState.StpBlock | PortState.LinkDown), ReadStatus(controller));
    }

    private static (ushort Port, PortState State) ReadStatus(RawController controller)
    {
        (PortStatusReason reason, PortDescription port) = controller.ReadPortStatus();
        Assert.Equal(PortStatusReason.Modify, reason);
        return (port.Number, port.State);
    }
}
