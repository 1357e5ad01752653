using Softswitch.Datapath.Packets;
using Softswitch.Ports.Tap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tap;

/// <summary>A TAP device with several queues, which the kernel deals to by flow.</summary>
[Trait("Ring", "peers")]
public sealed class TapQueueTests : IDisposable
{
    private readonly LabNode _space;
    private readonly FramePool _pool = new(1024, largeFrameCount: 8);
    private readonly FrameCache _frames;

    public TapQueueTests()
    {
        Needs.Tun();
        _space = new LabNode("tapq");
        _frames = _pool.CreateCache();
        _space.Execute("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6").Checked();
    }

    public void Dispose()
    {
        _space?.Dispose();
        _pool.Dispose();
    }

    private TapPort Open(int queues) => _space.Run(() => TapPort.Open("tap:wide", "wide", queues));

    private static byte[] Flow(int number) => TestPacket.Udp(srcPort: (ushort)(1000 + number));

    [Fact]
    public void Each_queue_receives_flows_of_its_own_and_sends()
    {
        const int flows = 200;
        using TapPort port = Open(queues: 3);
        Assert.Contains(", 3 queues, ", port.Backend, StringComparison.Ordinal);
        using RawSocket far = _space.Run(() => new RawSocket("wide"));
        byte[][] sent = [.. Enumerable.Range(0, flows).Select(Flow)];
        Assert.All(sent, frame => far.Send(frame));
        int[] perQueue = port.ReceiveByQueue(_frames, sent);
        Assert.All(perQueue, count => Assert.InRange(count, 1, flows));
        for (int queue = 0; queue < perQueue.Length; queue++)
        {
            byte[] frame = Flow(queue);
            Assert.True(_frames.TryRent(out Packet packet));
            packet.Length = frame.Length;
            frame.CopyTo(packet.Bytes);
            Assert.Equal(1, port.Queues[queue].Transmit(new ReadOnlySpan<Packet>(in packet), _frames));
            Assert.Equal(frame, far.Expect());
        }
        _frames.Drain();
        Assert.Equal(_pool.FrameCount, _pool.FreeCount);
    }

    [Fact]
    public void The_device_is_gone_when_all_queues_are_closed()
    {
        Open(queues: 4).Dispose();
        Eventually.Gone("wide", () => _space.Execute("ip", "link").Output);
    }

    [Fact]
    public void A_device_made_for_one_queue_or_for_several_says_so_where_the_other_was_asked_for()
    {
        _space.Execute("ip", "tuntap", "add", "wide", "mode", "tap", "multi_queue").Checked();
        Assert.Equal(
            "tap:wide: interface wide exists and is not a TAP device without multi_queue (TUNSETIFF: Invalid argument)",
            Assert.Throws<PortException>(() => Open(queues: 1)).Message);
        Open(queues: 2).Dispose();
        _space.Execute("ip", "tuntap", "del", "wide", "mode", "tap", "multi_queue").Checked();
        _space.Execute("ip", "tuntap", "add", "wide", "mode", "tap").Checked();
        Assert.Equal(
            "tap:wide: interface wide exists and is not a TAP device with multi_queue (TUNSETIFF: Invalid argument)",
            Assert.Throws<PortException>(() => Open(queues: 2)).Message);
    }
}
