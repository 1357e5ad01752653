using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Devices that count every packet, such as a card that forwards by itself.</summary>
public sealed class WholePortTrafficTests
{
    [Theory]
    [InlineData(true, 1000, 2000)]
    [InlineData(false, 1, 1)]
    public void What_a_device_counts_itself_is_not_counted_once_more(bool countsEveryPacket, ulong received, ulong sent)
    {
        using var sut = new TestSwitch(ports: 1);
        using var device = new CountingDevice(new MemoryPort("counting", sut.Control.Frames), countsEveryPacket);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(2, device));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        sut.Send(1, TestPacket.Tcp());
        Assert.True(device.Inner.TryInject(TestPacket.Tcp()));
        sut.Settle();
        Assert.True(sut.Control.Ports.TryRead(2, out PortStatistics statistics));
        Assert.Equal((received, sent), (statistics.ReceivedPackets, statistics.TransmittedPackets));
    }

    [Fact]
    public void What_a_device_took_and_lost_was_not_transmitted_and_the_count_never_falls()
    {
        using var sut = new TestSwitch(ports: 1);
        using var device = new CountingDevice(new MemoryPort("losing", sut.Control.Frames));
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(2, device));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        sut.Send(1, TestPacket.Tcp(), TestPacket.Tcp(), TestPacket.Tcp(), TestPacket.Tcp());
        device.Losses = new PortCounters { TransmitDropped = 2, TransmitErrors = 1 };
        Assert.Equal((1ul, 2ul, 1ul), Transmitted());
        device.Losses = new PortCounters { TransmitDropped = 3, TransmitErrors = 1 };
        Assert.Equal((1ul, 3ul, 1ul), Transmitted());

        (ulong Sent, ulong Dropped, ulong Errors) Transmitted()
        {
            Assert.True(sut.Control.Ports.TryRead(2, out PortStatistics statistics));
            return (statistics.TransmittedPackets, statistics.TransmitDropped, statistics.TransmitErrors);
        }
    }

    private sealed class CountingDevice(MemoryPort inner, bool countsEveryPacket = false) : ForwardingDevice(inner)
    {
        public MemoryPort Inner => inner;

        public PortCounters Losses { get; set; }

        public override PortCounters ReadCounters() => Losses with
        {
            Traffic = countsEveryPacket ? new PortTraffic { ReceivedPackets = 1000, TransmittedPackets = 2000 } : null,
        };
    }
}
