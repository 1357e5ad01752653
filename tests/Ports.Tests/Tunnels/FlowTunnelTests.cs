using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>One port for many peers and keys: <c>remote=flow</c>, <c>key=flow</c>.</summary>
public sealed class FlowTunnelTests
{
    private const string Static = "remote-mac=02:00:00:00:00:b2";
    private static readonly byte[] Frame = TestPacket.Tcp(src: 0xc0a80001, dst: 0xc0a80002);

    [Fact]
    public void Flows_choose_key_and_remote_end()
    {
        using var host = new TunnelHost(tunnels: [$"vxlan:local=10.0.0.1,remote=flow,{Static}"]);
        for (uint i = 0; i < 600; i++) // more than there are places for their headers
        {
            uint to = 0x0a000002 + (i % 200);
            host.Send(Frame, state: new TunnelState { Destination = Be32.FromHost(to), Key = i, HasKey = true });
            byte[] udp = ReferenceTunnel.Open(Assert.Single(host.Sent()), ReferenceTunnel.Udp, to: to);
            Assert.Equal(ReferenceTunnel.Vxlan(i, Frame)[2..], udp[2..]);
        }
        host.Send(Frame);
        host.Send(Frame, state: new TunnelState { Key = 7, HasKey = true });
        host.Send(Frame, state: new TunnelState { Destination = Be32.FromHost(TunnelHost.LocalAddress) });
        Assert.Empty(host.Sent());
        Assert.Equal(3, host.Drops(DropReason.TunnelNoDestination));
    }

    [Fact]
    public void Any_peer_and_key_come_in_by_the_port_that_leaves_them_to_flows()
    {
        using var host = new TunnelHost(tunnels:
        [
            $"vxlan:local=10.0.0.1,remote=flow,{Static}", "vxlan:local=10.0.0.1,remote=10.0.0.2,key=42", "vxlan:local=10.0.0.1,remote=flow,key=9",
            "vxlan:local=10.0.0.1,remote=10.0.0.3,key=flow",
        ]);
        (uint From, uint Vni, int Tunnel)[] cases = [(0x0a000002, 42, 1), (0x0a000002, 43, 0), (0x0a000009, 42, 0), (0x0a000009, 9, 2), (0x0a000003, 5, 3)];
        foreach ((uint from, uint vni, int tunnel) in cases)
        {
            host.Arrive(ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(vni, Frame), from: from));
            Assert.Equal(Frame, Assert.Single(host.Received(tunnel)));
        }
    }

    [Fact]
    public void Gre_has_a_key_only_if_the_flow_set_one()
    {
        using var host = new TunnelHost(tunnels: [$"gre:local=10.0.0.1,remote=10.0.0.2,key=flow,{Static}"]);
        host.Send(Frame, state: new TunnelState { Key = 5, HasKey = true });
        host.Send(Frame);
        host.Send(Frame, state: new TunnelState { Key = 0, HasKey = true });
        Assert.Equal(
            [ReferenceTunnel.GreHeader(Frame, 5), ReferenceTunnel.GreHeader(Frame), ReferenceTunnel.GreHeader(Frame, 0)],
            host.Sent().Select(outer => ReferenceTunnel.Open(outer, ReferenceTunnel.Gre)));
    }

    [Fact]
    public void What_actions_set_reaches_the_tunnel_and_its_copies_and_no_other_port()
    {
        using TestSwitch sut = new(ports: 1);
        DatapathControl control = sut.Control;
        var set = new UnderlaySet(sut.Time);
        var wire = new MemoryPort("wire", control.Frames) { HardwareAddress = new MacAddress(0x0200_0000_00a1) };
        Assert.Equal(ControlError.None, control.Ports.Add(2, set.Wrap(2, wire, UnderlayOptions.Read(TunnelHost.Spec("u,address=10.0.0.1/24"))!)));
        Assert.Equal(
            ControlError.None,
            control.Ports.Add(3, set.Open(3, TunnelHost.Spec($"vxlan:local=10.0.0.1,remote=flow,{Static}"), control.Frames, out ushort? beside), beside: beside));
        sut.AddPort(4);
        sut.Add(
            FlowMatch.Any, 1, FlowAction.SetTunnel(7), FlowAction.SetTunnelDestination(0x0a000002), FlowAction.Output(3),
            FlowAction.SetTunnelDestination(0x0a000003), FlowAction.Output(3), FlowAction.Output(4));
        sut.Send(1, Frame);
        List<byte[]> sent = wire.Collect();
        Assert.Equal(2, sent.Count);
        for (uint i = 0; i < 2; i++)
        {
            byte[] udp = ReferenceTunnel.Open(sent[(int)i], ReferenceTunnel.Udp, to: 0x0a000002 + i);
            Assert.Equal(ReferenceTunnel.Vxlan(7, Frame)[2..], udp[2..]);
        }
        Assert.Equal(Frame, Assert.Single(sut.Received(4)));
        Assert.True(control.Ports.TryRead(2, out PortStatistics underlay));
        Assert.Equal((2UL, (ulong)sent.Sum(frame => frame.Length)), (underlay.TransmittedPackets, underlay.TransmittedBytes));
        Assert.True(control.Ports.TryRead(3, out PortStatistics tunnel));
        Assert.Equal((2UL, 2UL * (ulong)Frame.Length), (tunnel.TransmittedPackets, tunnel.TransmittedBytes));

        // And without: counted where a person looks.
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(3));
        sut.Send(1, Frame);
        Assert.Equal(1, control.Accounts.ReadDrops(DropReason.TunnelNoDestination));
    }
}
