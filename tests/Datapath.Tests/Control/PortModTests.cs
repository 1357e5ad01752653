using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Port-mod flags (OpenFlow 1.0.0 §5.2.1, §5.3.3), each alone, and ports that come and go.</summary>
public sealed class PortModTests
{
    private static readonly byte[] Frame = TestPacket.Tcp();
    private static readonly byte[] SpanningTree = TestPacket.Ethernet(0x0026, new byte[38], dlDst: 0x0180_c200_0000);

    [Theory]
    [InlineData(PortConfig.None, true, true, true)]
    [InlineData(PortConfig.PortDown, false, false, false)]
    [InlineData(PortConfig.NoStp, true, true, true)]
    [InlineData(PortConfig.NoReceive, false, true, false)]
    [InlineData(PortConfig.NoReceiveStp, true, false, true)]
    [InlineData(PortConfig.NoFlood, true, true, true)]
    [InlineData(PortConfig.NoForward, true, true, true)]
    [InlineData(PortConfig.NoPacketIn, true, true, false)]
    public void Each_flag_on_the_ingress_does_its_own_work_and_no_other(PortConfig flag, bool forwards, bool forwardsStp, bool packetIn)
    {
        using TestSwitch sut = new() { KeepsFrames = true };
        sut.Configure(1, flag);
        Assert.Equal(flag == PortConfig.PortDown ? 1 : 0, sut.PortEvents.Count);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        sut.Send(1, Frame);
        Assert.Equal(forwards ? 1 : 0, sut.Received(2).Count);
        sut.Send(1, SpanningTree);
        Assert.Equal(forwardsStp ? 1 : 0, sut.Received(2).Count);
        sut.Control.Ports.TryRead(1, out PortStatistics one);
        Assert.Equal((2UL, 2UL - (forwards ? 1UL : 0) - (forwardsStp ? 1UL : 0)), (one.ReceivedPackets, one.ReceiveDropped));
        Assert.Equal((long)one.ReceiveDropped, sut.Control.Accounts.ReadDrops(DropReason.IngressClosed));
        sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete));
        sut.Send(1, Frame);
        Assert.Equal(packetIn ? 1 : 0, sut.PacketIns.Count);
        // An action's packet-in is not a miss.
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller, 100));
        sut.PacketIns.Clear();
        sut.Send(1, Frame);
        Assert.Equal(forwards ? 1 : 0, sut.PacketIns.Count);
    }

    [Theory]
    [InlineData(PortConfig.PortDown, false, false, false)]
    [InlineData(PortConfig.NoStp, true, true, true)]
    [InlineData(PortConfig.NoReceive, true, true, true)]
    [InlineData(PortConfig.NoReceiveStp, true, true, true)]
    [InlineData(PortConfig.NoFlood, true, true, false)]
    [InlineData(PortConfig.NoForward, false, false, false)]
    [InlineData(PortConfig.NoPacketIn, true, true, true)]
    public void Each_flag_on_the_egress_does_its_own_work_and_no_other(PortConfig flag, bool direct, bool all, bool flood)
    {
        using TestSwitch sut = new() { KeepsFrames = true };
        sut.Configure(2, flag);
        (ushort Port, bool Arrives)[] outputs = [(2, direct), (PortNumber.All, all), (PortNumber.Flood, flood), (PortNumber.Normal, flood)];
        foreach ((ushort port, bool arrives) in outputs)
        {
            sut.Add(FlowMatch.Any, 1, FlowAction.Output(port));
            sut.Send(1, Frame);
            Assert.Equal((port, arrives ? 1 : 0), (port, sut.Received(2).Count));
        }
        // What named a closed port is counted there, what is for all is not.
        sut.Control.Ports.TryRead(2, out PortStatistics two);
        Assert.Equal(direct ? (flood ? 4UL : 2, 0UL) : (0UL, 1UL), (two.TransmittedPackets, two.TransmitDropped));
        Assert.Equal(direct ? 0 : 1, sut.Control.Accounts.ReadDrops(DropReason.EgressClosed));
    }

    [Fact]
    public void A_port_mod_changes_the_masked_bits_only_and_port_down_is_reported()
    {
        using TestSwitch sut = new();
        MacAddress mac = sut[2].HardwareAddress;
        Assert.Equal(ControlError.BadPort, sut.Control.Ports.Configure(9, mac, PortConfig.All, PortConfig.All));
        Assert.Equal(ControlError.BadHardwareAddress, sut.Control.Ports.Configure(2, new(5), PortConfig.All, PortConfig.All));
        Assert.Equal(PortConfig.None, sut.Control.Ports.Descriptions[1].Config);
        Assert.Equal(ControlError.None, sut.Control.Ports.Configure(2, mac, (PortConfig)uint.MaxValue, PortConfig.NoFlood | PortConfig.NoStp));
        Assert.Equal(PortConfig.NoFlood | PortConfig.NoStp, sut.Control.Ports.Descriptions[1].Config);
        Assert.Equal(ControlError.None, sut.Control.Ports.Configure(2, mac, PortConfig.None, PortConfig.NoStp));
        Assert.Equal(PortConfig.NoFlood, sut.Control.Ports.Descriptions[1].Config);
        Assert.Empty(sut.PortEvents);
        Assert.Equal(ControlError.None, sut.Control.Ports.Configure(2, mac, PortConfig.PortDown | ~PortConfig.All, (PortConfig)uint.MaxValue));
        Assert.Equal((PortStatusReason.Modify, PortConfig.PortDown), (sut.PortEvents[0].Reason, sut.PortEvents[0].Port.Config));
        Assert.Equal(ControlError.None, sut.Control.Ports.Configure(2, mac, PortConfig.PortDown, PortConfig.PortDown));
        Assert.Single(sut.PortEvents);
        Assert.Equal(ControlError.None, sut.Control.Ports.Configure(2, mac, PortConfig.None, PortConfig.PortDown));
        Assert.Equal((PortStatusReason.Modify, PortConfig.None), (sut.PortEvents[1].Reason, sut.PortEvents[1].Port.Config));
    }

    [Fact]
    public void Ports_that_come_go_and_change_their_link_are_reported()
    {
        using TestSwitch sut = new(ports: 2);
        sut.AddPort(7);
        sut.AddPort(PortNumber.Local);
        Assert.Equal([(PortStatusReason.Add, (ushort)7), (PortStatusReason.Add, PortNumber.Local)], sut.PortEvents.Select(e => (e.Reason, e.Port.Number)));
        Assert.Equal([1, 2, 7, PortNumber.Local], sut.Control.Ports.Descriptions.Select(p => p.Number));
        sut[7].SetLink(false);
        sut.Time.Advance(TimeSpan.FromSeconds(1));
        sut.Control.Service();
        sut.Control.Service();
        Assert.Equal((PortStatusReason.Modify, PortState.LinkDown), (sut.PortEvents[2].Reason, sut.PortEvents[2].Port.State));
        Assert.Equal(ControlError.None, sut.Control.Ports.Remove(7));
        Assert.Equal((PortStatusReason.Delete, 7), (sut.PortEvents[3].Reason, sut.PortEvents[3].Port.Number));
        Assert.Equal(4, sut.PortEvents.Count);
        Assert.Equal(ControlError.BadPort, sut.Control.Ports.Remove(7));
        Assert.False(sut.Control.Ports.TryRead(7, out _));
    }

    [Fact]
    public void Whoever_takes_an_interface_down_sets_PORT_DOWN_and_controllers_are_told()
    {
        using TestSwitch sut = new(ports: 2);
        sut[2].SetAdministrativeState(up: false);
        Pass(sut);
        Assert.Equal((PortStatusReason.Modify, PortConfig.PortDown), (Assert.Single(sut.PortEvents).Reason, sut.PortEvents[0].Port.Config));
        sut[2].SetAdministrativeState(up: true);
        Pass(sut);
        Assert.Equal(PortConfig.None, sut.PortEvents[1].Port.Config);
        // What a port-mod did is told once, not again when the interface shows it.
        Assert.Equal(ControlError.None, sut.Control.Ports.Configure(2, sut[2].HardwareAddress, PortConfig.PortDown, PortConfig.PortDown));
        Pass(sut);
        Assert.Equal(3, sut.PortEvents.Count);
        sut[2].SetAdministrativeState(up: true); // over the controller's head
        Pass(sut);
        Assert.Equal((4, PortConfig.None), (sut.PortEvents.Count, sut.PortEvents[^1].Port.Config));
    }

    [Fact]
    public void A_port_whose_interface_is_down_begins_with_PORT_DOWN()
    {
        using TestSwitch sut = new(ports: 0);
        using MemoryPort port = new("down", sut.Control.Frames);
        port.SetAdministrativeState(up: false);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(1, port, PortConfig.NoFlood));
        Assert.Equal(PortConfig.PortDown | PortConfig.NoFlood, Assert.Single(sut.Control.Ports.Descriptions).Config);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(0xff01)]
    [InlineData(PortNumber.Controller)]
    [InlineData(PortNumber.None)]
    public void Taken_and_reserved_numbers_are_refused_and_the_device_stays_the_callers(int number)
    {
        using TestSwitch sut = new();
        using FailingDevice device = new(sut);
        Assert.Equal(ControlError.BadPort, sut.Control.Ports.Add((ushort)number, device));
        Assert.False(device.Disposed);
        Assert.Empty(sut.PortEvents);
    }

    [Fact]
    public void A_device_that_fails_does_not_keep_the_others_or_its_number()
    {
        TestSwitch sut = new(ports: 2);
        FailingDevice first = new(sut) { FailsToClose = true };
        FailingDevice last = new(sut);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(1000, first));
        Assert.Throws<InvalidOperationException>(() => sut.Control.Ports.Remove(1000));
        Assert.Equal((PortStatusReason.Delete, 1000), (sut.PortEvents[^1].Reason, sut.PortEvents[^1].Port.Number));
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(1000, first));
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(1001, last));
        Assert.Throws<AggregateException>(sut.Dispose);
        Assert.True(first.Disposed);
        Assert.True(last.Disposed);
        sut.Dispose();
    }

    [Fact]
    public void A_port_is_added_once_no_pass_is_under_way_that_began_without_it()
    {
        using TestSwitch sut = new(ports: 0);
        using HeldPass pass = new(sut, until: () => sut.Control.Ports.Find(2) != null);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(1, pass));
        Thread worker = new(() => sut.Control.Workers[0].PollOnce());
        worker.Start();
        pass.Begun.Wait(TestContext.Current.CancellationToken);
        sut.AddPort(2);
        Assert.True(pass.IsOver);
        worker.Join();
    }

    [Fact]
    public void A_device_that_cannot_say_its_link_is_not_added()
    {
        using TestSwitch sut = new();
        using FailingDevice device = new(sut) { FailsToTellLink = true };
        Assert.Throws<InvalidOperationException>(() => sut.Control.Ports.Add(9, device));
        Assert.Equal(4, sut.Control.Ports.Descriptions.Count);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        sut.Send(1, Frame);
        Assert.Single(sut.Received(2));
    }

    [Fact]
    public void A_new_name_and_a_new_address_are_reported_and_port_mods_go_by_what_was_reported()
    {
        using TestSwitch sut = new(ports: 1);
        FailingDevice device = new(sut);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(9, device));
        device.Name = "renamed";
        Pass(sut);
        Assert.Equal((PortStatusReason.Modify, "renamed", new MacAddress(1)), Told());
        device.HardwareAddress = new(2);
        Assert.Equal(ControlError.BadHardwareAddress, sut.Control.Ports.Configure(9, new(2), PortConfig.NoFlood, PortConfig.NoFlood));
        Pass(sut);
        Assert.Equal((PortStatusReason.Modify, "renamed", new MacAddress(2)), Told());
        Assert.Equal(ControlError.None, sut.Control.Ports.Configure(9, new(2), PortConfig.NoFlood, PortConfig.NoFlood));
        Assert.Equal(3, sut.PortEvents.Count);

        (PortStatusReason, string, MacAddress) Told() => (sut.PortEvents[^1].Reason, sut.PortEvents[^1].Port.Name, sut.PortEvents[^1].Port.HardwareAddress);
    }

    [Fact]
    public void An_announced_change_is_looked_at_without_waiting_for_the_next_round()
    {
        using TestSwitch sut = new(ports: 1);
        Pass(sut);
        sut[1].SetLink(false);
        sut.Control.Service();
        Assert.Empty(sut.PortEvents); // the round was a moment ago
        sut.Control.Ports.AnnounceLinkChange();
        sut.Control.Service();
        Assert.Equal(PortState.LinkDown, Assert.Single(sut.PortEvents).Port.State);
    }

    private static void Pass(TestSwitch sut)
    {
        sut.Time.Advance(TimeSpan.FromSeconds(1));
        sut.Settle();
    }

    /// <summary>A device that a pass has to wait for.</summary>
    private sealed class HeldPass(TestSwitch sut, Func<bool> until) : ForwardingDevice(new MemoryPort("held", sut.Control.Frames)), IPort
    {
        public ManualResetEventSlim Begun { get; } = new();

        public bool IsOver { get; private set; }

        public override IReadOnlyList<IPort> Queues => [this];

        public int PollDescriptor => -1;

        public int Receive(PacketBatch batch, FrameCache frames)
        {
            Begun.Set();
            Eventually.True(until, "the pass may go on");
            IsOver = true;
            return 0;
        }

        public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames) => 0;
    }

    private sealed class FailingDevice(TestSwitch sut) : IPortDevice
    {
        private readonly MemoryPort _inner = new("failing", sut.Control.Frames);

        public bool FailsToClose { get; init; }

        public bool FailsToTellLink { get; init; }

        public bool Disposed { get; private set; }

        public string Name { get; set; } = "failing";

        public string Backend => "test";

        public MacAddress HardwareAddress { get; set; } = new(1);

        public bool TakesOffloads => false;

        public IReadOnlyList<IPort> Queues => _inner.Queues;

        public PortLink ReadLink() => FailsToTellLink ? throw new InvalidOperationException("no link") : new PortLink(true, 1500);

        public PortCounters ReadCounters() => default;

        public void SetAdministrativeState(bool up)
        {
        }

        public void Dispose()
        {
            Disposed = true;
            if (FailsToClose)
            {
                throw new InvalidOperationException("cannot close");
            }
        }
    }
}
