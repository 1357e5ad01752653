using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfXdp;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

/// <summary>AF_XDP ports go from one owner to the next while packets come and go.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpHandoverTests : IDisposable
{
    private const int Frames = 2048;
    private static readonly AfXdpOptions Options = new(256, 256);

    private readonly LabNode _space;

    public AfXdpHandoverTests()
    {
        Needs.Xdp("ethtool");
        _space = new LabNode("xdph");
        VethCable.Lay(_space.Network, "left", _space.Network, "farl");
        VethCable.Lay(_space.Network, "right", _space.Network, "farr");
    }

    public void Dispose() => _space?.Dispose();

    private RawSocket Raw(string name) => _space.Run(() => new RawSocket(name));

    private NumberedTraffic Send(string from, string to, ushort port) => new(Raw(from), Raw(to), port);

    private string Show(string name) =>
        $"{_space.Execute("ip", "-d", "-o", "link", "show", name).Checked().Output}{_space.Execute("ethtool", "-k", name).Checked().Output}";

    private XdpSide Open() => XdpSide.Open(_space, Frames, Options, "left", "right");

    [Fact]
    public void Twenty_hand_overs_under_traffic_lose_double_and_reorder_nothing_and_every_frame_is_accounted_for()
    {
        string[] before = [Show("left"), Show("right")];
        XdpSide side = Open();
        side.Forward();
        using (NumberedTraffic there = Send("farl", "farr", 1), back = Send("farr", "farl", 2))
        {
            for (int i = 0; i < 20; i++)
            {
                there.Expect(100);
                back.Expect(100);
                XdpSide next = side.Take();
                there.Expect(50); // it goes on meanwhile
                side.StopForwarding();
                Assert.Equal(Frames, side.AccountedFrames);
                next.Adopt(side.SaveState());
                Assert.Equal(Frames, next.AccountedFrames);
                next.Forward();
                side.Yield();
                side = next;
            }
            there.Finish();
            back.Finish();
            side.StopForwarding();
            Assert.All(side.Ports, port => Assert.Equal(default, port.ReadCounters()));
        }
        side.Ports.ForEach(port => port.Dispose());
        Assert.Equal(Frames, side.Pool.FreeCount);
        side.Dispose();
        Assert.Equal(before, new[] { Show("left"), Show("right") });
    }

    [Fact]
    public void What_waits_in_the_rings_still_comes()
    {
        const int waiting = 100;
        XdpSide side = Open();
        using RawSocket far = Raw("farl");
        for (int i = 0; i < waiting; i++)
        {
            far.Send(TestPacket.Udp(srcPort: (ushort)i));
        }
        using XdpSide next = side.Take();
        next.Adopt(side.SaveState());
        side.Yield();
        FrameCache frames = next.Pool.CreateCache();
        List<byte[]> got = [];
        Eventually.True(
            () =>
            {
                got.AddRange(next.Ports[0].Queues[0].ReceiveOnce(frames));
                return got.Count >= waiting;
            },
            () => $"{got.Count} of {waiting} came");
        PolledPort.AssertSame(Enumerable.Range(0, waiting).Select(i => TestPacket.Udp(srcPort: (ushort)i)), got);
    }

    [Fact]
    public void Every_queue_of_a_port_goes_on()
    {
        VethCable.Lay(_space.Network, "wide", _space.Network, "farw", queues: 4);
        XdpSide side = XdpSide.Open(_space, Frames, new AfXdpOptions(128, 128), "wide");
        using XdpSide next = side.Take();
        next.Adopt(side.SaveState());
        side.Yield();
        AfXdpPort port = next.Ports[0];
        Assert.Equal(4, port.Queues.Count);
        Assert.Equal(4 * 128, port.HeldFrames);
        using RawSocket far = Raw("farw");
        FrameCache frames = next.Pool.CreateCache();
        for (int queue = 0; queue < 4; queue++)
        {
            byte[] frame = TestPacket.Udp(srcPort: (ushort)(7000 + queue));
            Assert.Equal(1, port.Queues[queue].SendBurst(frames, frame));
            Assert.Equal(frame, far.Expect());
        }
    }

    [Fact]
    public void A_port_opened_after_the_hand_over_shares_the_umem_of_those_before()
    {
        VethCable.Lay(_space.Network, "new", _space.Network, "farn");
        XdpSide side = Open();
        using XdpSide next = side.Take();
        Assert.Contains("is to be added afterwards", Assert.Throws<PortException>(() => next.AddPort("new", Options)).Message, StringComparison.Ordinal);
        next.Adopt(side.SaveState());
        side.Yield();
        AfXdpPort added = next.AddPort("new", Options);
        Assert.Contains("shared umem", added.Backend, StringComparison.Ordinal);
        next.Ports[0].Dispose(); // the one that is its umem's first
        next.Ports.RemoveAt(0);
        next.Forward();
        using NumberedTraffic there = Send("farr", "farn", 1);
        using NumberedTraffic back = Send("farn", "farr", 2);
        there.Expect(500);
        back.Expect(500);
        there.Finish();
        back.Finish();
        next.StopForwarding();
        Assert.Equal(Frames, next.AccountedFrames);
    }

    [Fact]
    public void Frames_of_another_number_or_in_private_memory_are_a_clear_line()
    {
        using XdpSide side = Open();
        using FramePool other = new(Frames / 2, isInUse: true);
        PortException mismatch = Assert.Throws<PortException>(() => side.Take("left", other, side.Ports[0].Handover.Offer()));
        Assert.Equal(
            "port 'xdp:left': the running switch has 2048 frames of 2048 bytes, and this one 1024 of 2048: --frames and --frame-size must be the same", mismatch.Message);
        VethCable.Lay(_space.Network, "lone", _space.Network, "far");
        using FramePool heap = new(Frames);
        using AfXdpPort lone = _space.Run(() => AfXdpPort.Open("lone", "lone", heap, Options));
        Assert.Contains("no other process can map", Assert.Throws<NotSupportedException>(() => lone.Handover.Offer()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_offer_with_a_descriptor_in_the_place_of_another_is_refused_and_all_are_closed()
    {
        using XdpSide side = Open();
        DeviceOffer whole = side.Ports[0].Handover.Offer();
        using FramePool pool = new(Frames, isInUse: true);
        int before = Holders(whole);
        for (int i = 4; i < whole.Descriptors.Count; i++) // memory and sockets, by which rings are mapped
        {
            List<int> wrong = [.. whole.Descriptors];
            wrong[i] = wrong[0];
            Assert.Throws<PortException>(() => side.Take("left", pool, whole with { Descriptors = wrong }));
        }
        Assert.Equal(before, Holders(whole));
    }

    /// <summary>Descriptors of this process that lead to the offer's sockets.</summary>
    private static int Holders(DeviceOffer offer) => offer.Descriptors
        .Where(descriptor => new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget!.StartsWith("socket:", StringComparison.Ordinal))
        .Sum(OpenFiles.CountDescriptors);
}
