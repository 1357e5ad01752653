using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Pipeline;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Twaren;
using Softswitch.Testing;

namespace Softswitch.Scenarios.Tests;

/// <summary>What one of the paper's controllers answers to packets, with a switch that the test plays.</summary>
public sealed class TwarenControllerTests : IDisposable
{
    private const ushort FromMachine = 3;
    private const ushort FromTarget = 2;

    private readonly TwarenController _controller = new("controller", [1, 2, 3], isAccess: true, static _ => { });
    private readonly ScriptedPeer _switch;

    public TwarenControllerTests()
    {
        _controller.Start();
        _switch = PlayedSwitch.Connect(_controller.Port, TwarenLab.SecondAccessId);
        Eventually.True(() => _controller.Switches.Count == 1, () => "the switch is not there");
    }

    [Fact]
    public void What_is_pushed_is_sent_but_for_what_is_not_active()
    {
        _controller.Push(TwarenFlows.Read(TwarenFlows.Table2));
        AssertMod(Insertion.Proactive, "flow1", hardSeconds: 0);
        AssertMod(Insertion.Proactive, "flow2", hardSeconds: 0);
        _controller.Push([]);
        _switch.AssertNothingIsSaid();
    }

    [Fact]
    public void An_offered_flow_is_sent_with_the_first_packet_it_matches_and_goes_again_if_it_is_for_ARP()
    {
        _controller.Offer(TwarenFlows.Read(TwarenFlows.Table2).Where(flow => flow.Name == "flow3"));
        Arrive(Ask(TwarenLab.Moved, TwarenLab.FirstGateway.Address), FromMachine);
        AssertMod(Insertion.Reactive, "flow3", _controller.ArpSeconds);
        Assert.Equal([FlowAction.Output(1)], ReadPacketOut());
        Arrive(Ask(TwarenLab.Moved, TwarenLab.Target.Address), FromMachine); // not what was offered: flooded
        Assert.Equal([FlowAction.Output(1), FlowAction.Output(2)], ReadPacketOut());
    }

    [Fact]
    public void A_packet_sent_by_flow2_gets_the_papers_flow4_once_ARP_has_shown_its_destination()
    {
        Arrive(Packet(), FromMachine, PacketInReason.Action);
        Assert.Equal([FlowAction.Output(1), FlowAction.Output(2)], ReadPacketOut()); // nobody knows VM-T yet
        Arrive(Ask(TwarenLab.Target, TwarenLab.SecondGateway.Address), FromTarget);
        ReadPacketOut();
        Arrive(Packet(), FromMachine, PacketInReason.Action);
        AssertMod(Insertion.OnDemand, "flow4", hardSeconds: 0);
        Assert.Equal([FlowAction.SetDlDst(TwarenLab.Target.HardwareAddress), FlowAction.Output(FromTarget)], ReadPacketOut());
        Assert.Equal(2, _controller.Arrived.Count);
    }

    [Fact]
    public void ARP_to_a_host_that_is_known_gets_an_entry_on_an_access_switch_until_the_host_is_forgotten()
    {
        Arrive(Ask(TwarenLab.Moved, TwarenLab.FirstGateway.Address), FromMachine);
        ReadPacketOut();
        byte[] answer = new ArpMessage(
            ArpMessage.Reply, TwarenLab.FirstGateway.HardwareAddress, TwarenLab.FirstGateway.Address, TwarenLab.Moved.HardwareAddress, TwarenLab.Moved.Address)
            .ToFrame(TwarenLab.Moved.HardwareAddress);
        Arrive(answer, 1);
        SentMod mod = _switch.ReadMod();
        Assert.Equal(((ulong)Insertion.Reactive, _controller.ArpSeconds), (mod.Cookie, mod.HardSeconds));
        Assert.Equal([FlowAction.Output(FromMachine)], mod.Actions);
        Assert.Equal([FlowAction.Output(FromMachine)], ReadPacketOut());
        _controller.Forget(TwarenLab.Moved.HardwareAddress);
        Assert.Equal(FlowModCommand.Delete, _switch.ReadMod().Command);
        Assert.Equal(FlowModCommand.Delete, _switch.ReadMod().Command);
        Arrive(answer, 1);
        Assert.Equal([FlowAction.Output(2), FlowAction.Output(3)], ReadPacketOut());
    }

    public void Dispose()
    {
        _switch.Dispose();
        _controller.Dispose();
    }

    private static byte[] Ask(TwarenMachine machine, Be32 target) =>
        new ArpMessage(ArpMessage.Request, machine.HardwareAddress, machine.Address, default, target).ToFrame(MacAddress.Broadcast);

    /// <summary>From VM-S to VM-T, by way of its gateway.</summary>
    private static byte[] Packet()
    {
        byte[] frame = new byte[FlowHeaders.MinFrame];
        new FlowHeaders(
            TwarenLab.Moved.HardwareAddress.Value, TwarenLab.FirstGateway.HardwareAddress.Value, IpProtocol.Udp,
            TwarenLab.Moved.Address.Host, TwarenLab.Target.Address.Host, 1, 2).Write(frame);
        return frame;
    }

    private void Arrive(byte[] frame, ushort port, PacketInReason reason = PacketInReason.NoMatch) => _switch.Arrive(port, frame, reason);

    private void AssertMod(Insertion insertion, string name, ushort hardSeconds)
    {
        SentMod mod = _switch.ReadMod();
        ParsedFlow flow = TwarenFlows.Find(TwarenFlows.Table2, name).Flow;
        Assert.Equal((FlowModCommand.Add, (ulong)insertion, hardSeconds, flow.Priority), (mod.Command, mod.Cookie, mod.HardSeconds, mod.Priority));
        Assert.Equal(flow.Match, mod.Match);
        Assert.Equal(flow.Actions, mod.Actions);
    }

    private FlowAction[] ReadPacketOut()
    {
        Assert.True(PacketOutMessage.TryDecode(_switch.Await(OfType.PacketOut), new FlowAction[8], out PacketOut packetOut, out _));
        return packetOut.Actions.ToArray();
    }
}
