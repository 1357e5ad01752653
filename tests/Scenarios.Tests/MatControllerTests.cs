using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Pipeline;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Mat;
using Softswitch.Testing;
using static Softswitch.Lab.LabText;

namespace Softswitch.Scenarios.Tests;

/// <summary>What MAT's controller says to a node that has moved, with a switch that the test plays.</summary>
public sealed class MatControllerTests
{
    private const ushort HostPort = 1;
    private static readonly MacAddress Node = Mac("02:00:00:00:00:a1");
    private static readonly Be32 Home = Address("10.0.0.10");

    private static readonly MatNetwork Network = new(Switch: 1, HostPort, RouterPort: 2, Address("192.168.2.1"), Address("192.168.2.100"), HasLegacyHosts: false);
    private static readonly MacAddress Router = Mac("02:00:00:00:00:f1");

    [Fact]
    public void A_node_that_does_not_answer_is_probed_three_times()
    {
        using var controller = new MatController([Network], Address("10.0.0.1"), [Home], static _ => { });
        using ScriptedPeer device = Connect(controller);
        SendRarp(device);
        for (int probe = 0; probe < 3; probe++)
        {
            Assert.Equal((ArpMessage.Request, Home), ReadProbe(device));
        }
    }

    [Fact]
    public void A_node_is_probed_at_each_of_its_announcements_until_it_answers_and_updated_once()
    {
        using var controller = new MatController([Network], Address("10.0.0.1"), [Home], static _ => { });
        using ScriptedPeer device = Connect(controller);
        Send(device, Network.RouterPort, new ArpMessage(ArpMessage.Reply, Router, Network.Router, Router, Network.Mobile).ToFrame(MacAddress.Broadcast));
        Eventually.True(() => controller.ReadyNetworks == 1, () => "the router is not known");
        SendRarp(device);
        SendRarp(device);
        Assert.Equal((ArpMessage.Request, Home), ReadProbe(device));
        Assert.Equal((ArpMessage.Request, Home), ReadProbe(device));
        byte[] reply = new ArpMessage(ArpMessage.Reply, Node, Home, Node, default).ToFrame(MacAddress.Broadcast);
        Send(device, HostPort, reply);
        Assert.True(OfHeader.TryDecode(device.Read(OfType.BarrierRequest), out OfHeader barrier));
        device.Write(b => BarrierMessage.WriteReply(b, barrier.Xid));
        Eventually.True(() => controller.Updates.Count == 1, () => "no update");
        SendRarp(device);
        Send(device, HostPort, reply);
        // Behind them a question that is answered: nothing was said to either.
        Send(device, HostPort, new ArpMessage(ArpMessage.Request, Node, Home, default, Address("10.0.0.1")).ToFrame(MacAddress.Broadcast));
        Assert.Equal((ArpMessage.Reply, Home), ReadProbe(device));
        Assert.Single(controller.Updates);
    }

    private static ScriptedPeer Connect(MatController controller)
    {
        controller.Start();
        ScriptedPeer device = ScriptedPeer.ConnectTo(controller.Port);
        device.Write(b => HelloMessage.Write(b, 1));
        device.Read(OfType.FeaturesRequest);
        device.Write(b => FeaturesMessage.WriteReply(b, 2, new SwitchFeatures(1, 256, 2, OfCapabilities.None, 0), []));
        Eventually.True(() => controller.Switches.Count == 1, () => "the switch is not there");
        device.Read(OfType.PacketOut); // asks for the router
        return device;
    }

    private static void SendRarp(ScriptedPeer device) =>
        Send(device, HostPort, new ArpMessage(ArpMessage.RequestReverse, Node, default, Node, default).ToFrame(MacAddress.Broadcast, EtherType.Rarp));

    private static void Send(ScriptedPeer device, ushort port, byte[] frame) => device.Write(b => PacketInMessage.Write(
        b, 0, new PacketIn { BufferId = FlowMod.NoBuffer, InPort = port, Reason = PacketInReason.Action, MaxLength = ushort.MaxValue, Data = frame }, ushort.MaxValue));

    /// <summary>The next ARP message to the node: what it is, and the address it asks for or is sent to.</summary>
    private static (ushort Operation, Be32 Target) ReadProbe(ScriptedPeer device)
    {
        Assert.True(PacketOutMessage.TryDecode(device.Read(OfType.PacketOut), new FlowAction[8], out PacketOut sent, out _));
        Assert.Equal([FlowAction.Output(HostPort)], sent.Actions.ToArray());
        Assert.True(ArpMessage.TryRead(sent.Data, out ArpMessage arp));
        return (arp.Operation, arp.Target);
    }
}
