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

    [Fact]
    public void A_node_that_does_not_answer_is_probed_three_times()
    {
        var network = new MatNetwork(Switch: 1, HostPort, RouterPort: 2, Address("192.168.2.1"), Address("192.168.2.100"), HasLegacyHosts: false);
        using var controller = new MatController([network], Address("10.0.0.1"), [Home], static _ => { });
        controller.Start();
        using ScriptedPeer device = ScriptedPeer.ConnectTo(controller.Port);
        device.Write(b => HelloMessage.Write(b, 1));
        device.Read(OfType.FeaturesRequest);
        device.Write(b => FeaturesMessage.WriteReply(b, 2, new SwitchFeatures(1, 256, 2, OfCapabilities.None, 0), []));
        Eventually.True(() => controller.Switches.Count == 1, () => "the switch is not there");
        device.Read(OfType.PacketOut); // asks for the router
        byte[] frame = new ArpMessage(ArpMessage.RequestReverse, Node, default, Node, default).ToFrame(MacAddress.Broadcast, EtherType.Rarp);
        device.Write(b => PacketInMessage.Write(
            b, 0, new PacketIn { BufferId = FlowMod.NoBuffer, InPort = HostPort, Reason = PacketInReason.Action, MaxLength = ushort.MaxValue, Data = frame }, ushort.MaxValue));
        for (int probe = 0; probe < 3; probe++)
        {
            Assert.True(PacketOutMessage.TryDecode(device.Read(OfType.PacketOut), new FlowAction[8], out PacketOut sent, out _));
            Assert.Equal([FlowAction.Output(HostPort)], sent.Actions.ToArray());
            Assert.True(ArpMessage.TryRead(sent.Data, out ArpMessage arp));
            Assert.Equal((ArpMessage.Request, Home), (arp.Operation, arp.Target));
        }
    }
}
