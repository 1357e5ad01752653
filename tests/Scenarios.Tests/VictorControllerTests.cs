using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Victor;
using Softswitch.Testing;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.Scenarios.Tests;

/// <summary>What VICTOR's controller makes of what machines and hypervisors broadcast, with a forwarding element that the test plays.</summary>
public sealed class VictorControllerTests
{
    private const ulong Element = 1;
    private const ulong Elsewhere = 2;
    private const ushort Tunnel = 3;
    private const int FirstFlows = 3; // ARP, RARP, and what has no binding
    private static readonly MacAddress Machine = Mac("02:00:00:0a:00:36");
    private static readonly Dictionary<ulong, ForwardingElement> Topology = new()
    {
        [Element] = new("FE1", [1, 5], new Dictionary<ulong, ushort> { [Elsewhere] = Tunnel }),
        [Elsewhere] = new("FE2", [1], new Dictionary<ulong, ushort> { [Element] = Tunnel }),
    };

    private static readonly Be32 OwnAddress = Address("10.10.0.36");

    [Fact]
    public void RARP_moves_a_machine_that_is_registered_and_no_other()
    {
        using var controller = new VictorController(Mac("02:00:5e:00:00:fe"), new HashSet<Be32>(), Topology, static _ => { });
        controller.Start();
        using ScriptedPeer device = Connect(controller, Element);

        Hear(device, inPort: 1, new ArpMessage(ArpMessage.RequestReverse, Mac("02:00:00:00:00:99"), default, Mac("02:00:00:00:00:99"), default), EtherType.Rarp);
        Hear(device, inPort: 5, new ArpMessage(ArpMessage.Request, Machine, OwnAddress, default, OwnAddress), EtherType.Arp);
        Hear(device, inPort: 1, new ArpMessage(ArpMessage.RequestReverse, Machine, default, Machine, default), EtherType.Rarp);

        Eventually.True(() => controller.Bindings is [{ Port: 1 }], () => "the machine has not moved");
        Assert.Equal(new Binding(OwnAddress, Machine, Element, Port: 1), Assert.Single(controller.Bindings));
    }

    [Theory]
    [InlineData("together", true, true)]
    [InlineData("one-by-one", false, true)]
    [InlineData("new-last", false, false)]
    public void Elements_get_a_binding_in_the_order_asked_for_each_step_when_the_one_before_has_confirmed(
        string order, bool makesBeforeBreak, bool isNewFirst)
    {
        using var controller = new VictorController(Mac("02:00:5e:00:00:fe"), new HashSet<Be32>(), Topology, static _ => { })
        {
            Order = order,
            MakesBeforeBreak = makesBeforeBreak,
        };
        controller.Start();
        using ScriptedPeer here = Connect(controller, Element);
        using ScriptedPeer elsewhere = Connect(controller, Elsewhere);
        (ScriptedPeer first, ScriptedPeer second) = isNewFirst ? (here, elsewhere) : (elsewhere, here);

        Hear(here, inPort: 1, new ArpMessage(ArpMessage.Request, Machine, OwnAddress, default, OwnAddress), EtherType.Arp);
        Assert.Equal((byte)OfType.FlowMod, first.Read()[1]);
        byte[] barrier = first.Read();
        Assert.Equal((byte)OfType.BarrierRequest, barrier[1]);
        second.AssertNothingIsSaid();

        first.Confirm(barrier);
        Assert.Equal((byte)OfType.FlowMod, second.Read()[1]);
        Assert.Empty(controller.Changes);
        second.Confirm(second.Await(OfType.BarrierRequest));
        Eventually.True(() => controller.Changes is [{ After.Element: Element }], () => "the change is not complete");
    }

    /// <summary>An element that has its first flows.</summary>
    private static ScriptedPeer Connect(VictorController controller, ulong datapathId)
    {
        int known = controller.Switches.Count;
        ScriptedPeer device = PlayedSwitch.Connect(controller.Port, datapathId);
        Eventually.True(() => controller.Switches.Count > known, () => "the element is not there");
        for (int i = 0; i < FirstFlows; i++)
        {
            device.Await(OfType.FlowMod);
        }
        return device;
    }

    private static void Hear(ScriptedPeer device, ushort inPort, ArpMessage arp, ushort type) => device.Arrive(inPort, arp.ToFrame(MacAddress.Broadcast, type));
}
