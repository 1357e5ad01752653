using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Tracing;
using Softswitch.Ports.AfPacket;
using Softswitch.Testing;
using static Softswitch.Testing.PolledPort;

namespace Softswitch.Ports.Tests.AfPacket;

[Trait("Ring", "peers")]
public sealed class AfPacketPortTests : VethPortTests
{
    public AfPacketPortTests()
        : base(() => Needs.Namespaces())
    {
    }

    internal override IPortDevice OpenNear(int? receiveSlots) =>
        receiveSlots is { } slots ? Space.Run(() => AfPacketPort.Open("near", "near", new AfPacketOptions(ReceiveSlots: slots))) : Open();

    private AfPacketPort Open(string name = "near") => Space.Run(() => AfPacketPort.Open($"port '{name}'", name));

    [Theory]
    [InlineData(1729)] // one more than a frame holds, in the slot
    [InlineData(1972)] // fills the slot
    [InlineData(1973)] // one more than the slot holds: fetched from the socket
    [InlineData(9014)]
    public void Jumbo_frames_pass_in_order_with_small_ones(int length)
    {
        SetMtu(9000);
        using AfPacketPort near = Open();
        using AfPacketPort far = Open("far");
        byte[][] frames = [Frame(60), Frame(length), Frame(61), Frame(length, "02000000000b02000000000a8100a007"), Frame(62)];
        Assert.Equal(frames.Length, Send(near, frames));
        AssertSame(frames, far.Receive(Frames, frames.Length));
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void Jumbo_frames_without_a_large_frame_to_hold_them_are_counted_and_do_not_break_the_order()
    {
        SetMtu(9000);
        using AfPacketPort near = Open();
        using RawSocket raw = OpenRaw();
        Packet[] hoard = Frames.HoardLarge();
        raw.Send(Frame(9000));
        raw.Send(Frame(70));
        Assert.Equal(Frame(70), ReceiveOne(near));
        Assert.Equal(1, near.ReadCounters().ReceiveDropped);
        Frames.Release(hoard);
        raw.Send(Frame(8000));
        Assert.Equal(Frame(8000), ReceiveOne(near));
    }

    [Fact]
    public void Lying_offload_state_is_an_error_and_never_leaves()
    {
        using AfPacketPort near = Open();
        using QueueLosses losses = new(near.Queues);
        using RawSocket raw = OpenRaw();
        var random = new Random(99);
        for (int i = 0; i < 500; i++)
        {
            Packet packet = Frames.Rent(Frame(random.Next(14, 200)));
            packet.Flags = random.Next(2) == 0 ? PacketFlags.NeedsChecksum : PacketFlags.NeedsChecksum | PacketFlags.NeedsSegmentation;
            Frames.Offload(packet) = new OffloadState
            {
                Segmentation = (SegmentationKind)random.Next(6),
                SegmentSize = (ushort)random.Next(3),
                HeaderLength = (ushort)random.Next(65536),
                ChecksumStart = (ushort)random.Next(packet.Length, 65536),
                ChecksumOffset = (ushort)random.Next(65536),
            };
            Assert.Equal(1, near.Queues[0].Transmit(new ReadOnlySpan<Packet>(in packet), Frames));
        }
        Assert.Equal(500, losses[DropReason.BadOffload]);
        Assert.Null(raw.Receive());
        Assert.Equal(1, Send(near, Frame(64)));
        Assert.Equal(Frame(64), raw.Expect());
    }

    [Fact]
    public void What_does_not_fit_the_MTU_or_finds_no_link_is_dropped_as_a_trace_foretells_and_a_capture_shows()
    {
        AfPacketPort near = Open(); // the switch's
        using TestSwitch sut = new(ports: 1);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(2, near));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        using Capture capture = new(new CaptureFilter(CapturePoints.Dropped, null, FlowMatch.Any, Packet.MaxLength), 1);
        Assert.True(sut.Control.Pipeline.TryAddCapture(capture));
        AssertDropped(DropReason.TooLong, Frame(1515));
        Space.Links.SetUp("far", up: false);
        Eventually.Polled(() => !near.ReadLink().Up, () => "the carrier stays");
        sut.Control.Ports.AnnounceLinkChange();
        sut.Settle();
        AssertDropped(DropReason.LinkDown, Frame(60));

        void AssertDropped(DropReason reason, byte[] frame)
        {
            using (PacketTracer tracer = sut.Control.CreateTracer())
            {
                TraceStep last = tracer.Trace(1, frame).Steps[^1];
                Assert.Equal((TraceStepKind.Dropped, reason, 2), (last.Kind, last.Reason, last.Port));
            }
            sut.Send(1, frame);
            Assert.Equal(1, sut.Control.Accounts.ReadDrops(reason));
            Assert.True(capture.TryRead(long.MaxValue, out CaptureRecord seen, out ReadOnlySpan<byte> bytes));
            Assert.Equal((reason, 2, Convert.ToHexString(frame)), (seen.Reason, seen.Port, Convert.ToHexString(bytes)));
            capture.Release();
        }
    }

    [Fact]
    public void What_the_kernel_takes_and_drops_without_a_word_is_told_as_dropped()
    {
        using AfPacketPort near = Open();
        long before = Transmitted();
        long taken = Send(near, Frame(60));
        Space.Links.SetUp("far", up: false); // soon nobody is behind the queueing discipline, which says nothing of it
        Eventually.Polled(
            () =>
            {
                taken += Send(near, Frame(60), Frame(61));
                return near.ReadCounters().TransmitDropped >= 100;
            },
            () => "nothing was dropped");
        Assert.Equal(Transmitted() - before, taken - near.ReadCounters().TransmitDropped);
        Assert.Equal(0, near.ReadCounters().TransmitErrors);
    }

    [Fact]
    public void What_the_kernel_has_no_room_for_stays_ours_and_is_not_told_twice()
    {
        Assert.SkipUnless(Space.Execute("tc", "qdisc", "add", "dev", "near", "root", "tbf", "rate", "1kbit", "burst", "1600", "limit", "3000").ExitCode == 0, "no tbf");
        using AfPacketPort near = Open();
        int refused = 0;
        for (int i = 0; i < 20; i++)
        {
            refused += 1 - Send(near, Frame(1000));
        }
        Assert.InRange(refused, 1, 19);
        Assert.Equal(0, near.ReadCounters().TransmitDropped);
        Assert.Equal(refused, Space.Links.ReadQueueDropped(near.InterfaceIndex));
    }

    /// <summary>The kernel's count of what near sent.</summary>
    private long Transmitted() => long.Parse(
        Space.Execute("sh", "-c", "tr : ' ' < /proc/net/dev | awk '$1 == \"near\" { print $11 }'").Checked().Output, System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public void The_interface_is_left_as_found()
    {
        Space.Links.SetUp("near", up: false);
        string before = Space.Execute("ip", "-d", "link", "show", "near").Checked().Output;
        using (AfPacketPort near = Open())
        {
            Assert.Contains("down", near.Backend, StringComparison.Ordinal);
            Assert.False(near.ReadLink().Up);
            near.SetAdministrativeState(up: true);
            Eventually.Up(near);
            Assert.Contains("promiscuity 1", Space.Execute("ip", "-d", "link", "show", "near").Output, StringComparison.Ordinal);
        }
        Assert.Equal(before, Space.Execute("ip", "-d", "link", "show", "near").Checked().Output);
    }

    [Fact]
    public void Speed_and_medium_come_from_the_driver_and_the_address_from_the_interface()
    {
        using AfPacketPort near = Open();
        Assert.Equal(PortFeatures.Speed10GbFull | PortFeatures.Copper, near.ReadLink().Current);
        Assert.Equal(1500, near.ReadLink().Mtu);
        string shown = Space.Execute("ip", "-br", "link", "show", "near").Checked().Output;
        Assert.Contains(near.HardwareAddress.ToString(), shown, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nowhere", "port 'nowhere': there is no interface nowhere (SIOCGIFINDEX: No such device)")]
    [InlineData("lo", "port 'lo': interface lo is not Ethernet (hardware type 772)")]
    [InlineData("a-name-far-too-long", "port 'a-name-far-too-long': 'a-name-far-too-long' cannot be the name of an interface (1 to 15 characters)")]
    public void What_cannot_be_opened_is_one_clear_line(string name, string message)
    {
        Assert.Equal(message, Assert.Throws<PortException>(() => Open(name)).Message);
    }
}
