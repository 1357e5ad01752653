using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Tap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

/// <summary>The contract over a veth pair with the program in the driver; the far end is a plain packet socket.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpNativeContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => new AfXdpHarness(pool, XdpMode.Native);
}

/// <summary>The same with the program in the generic hook.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpGenericContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => new AfXdpHarness(pool, XdpMode.Generic);
}

/// <summary>The same with packets of several frames.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpJumboContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => new AfXdpHarness(pool, XdpMode.Native, mtu: 9000, slots: 512);
}

/// <summary>The same with frames of 4096 bytes, in the generic hook.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpGenericJumboContractTests : LinkContract
{
    internal override int FrameSize => 4096;

    internal override PortHarness Open(FramePool pool) => new AfXdpHarness(pool, XdpMode.Generic, mtu: 9000, slots: 512);
}

/// <summary>The same over a TAP device; the far end is the program that has it open.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpTapContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => new AfXdpTapHarness(pool);
}

internal sealed class AfXdpTapHarness : PortHarness
{
    private readonly LabNode _space;
    private readonly FramePool _farPool = new(512, largeFrameCount: 4);
    private readonly FrameCache _farFrames;
    private readonly PacketBatch _arrived = new();
    private readonly Queue<byte[]> _sent = [];
    private readonly TapPort _far;
    private readonly AfXdpPort _port;

    public AfXdpTapHarness(FramePool pool)
        : base(pool)
    {
        Needs.Tun();
        Needs.Xdp();
        _space = new LabNode("xdp");
        _farFrames = _farPool.CreateCache();
        _far = _space.Run(() => TapPort.Open("tap", "tap"));
        _port = _space.Run(() => AfXdpPort.Open("tap", "tap", pool, new AfXdpOptions(256, 256)));
    }

    public override IPortDevice Device => _port;

    public override int HeldFrames => _port.HeldFrames;

    public override bool TryOffer(ReadOnlySpan<byte> frame)
    {
        Assert.True(_farFrames.TryRent(frame.Length, out Packet packet));
        packet.Length = frame.Length;
        frame.CopyTo(packet.Bytes);
        return _far.Queues[0].Transmit(new ReadOnlySpan<Packet>(in packet), _farFrames) == 1;
    }

    public override void SetLink(bool up) => _space.Execute("ip", "link", "set", "tap", up ? "up" : "down").Checked();

    public override byte[]? NextSent()
    {
        _far.Queues[0].Receive(_arrived, _farFrames);
        foreach (ref readonly Packet packet in _arrived.Packets)
        {
            if (packet.Bytes.Slice(12, 2).SequenceEqual((ReadOnlySpan<byte>)[0x88, 0xb5])) // the host's own stack speaks IPv6 on a new interface
            {
                _sent.Enqueue(packet.Bytes.ToArray());
            }
        }
        _farFrames.Release(_arrived.Packets);
        _arrived.Clear();
        return _sent.TryDequeue(out byte[]? frame) ? frame : null;
    }

    public override void Dispose()
    {
        _port.Dispose();
        _far.Dispose();
        _space.Dispose();
        _farPool.Dispose();
        Frames.Drain();
        Assert.Equal(Pool.FrameCount, Pool.FreeCount);
    }
}

internal sealed class AfXdpHarness : PortHarness
{
    private readonly LabNode _space;
    private readonly AfXdpPort _port;
    private readonly RawSocket _far;

    public AfXdpHarness(FramePool pool, XdpMode mode, int mtu = 1500, int slots = 256)
        : base(pool)
    {
        Needs.Xdp();
        MaxFrame = mtu + 14;
        _space = new LabNode("xdp");
        VethCable.Lay(_space.Network, "near", _space.Network, "far");
        _space.AwaitUp("near"); // before, what it sends is lost
        _space.Execute("ip", "link", "set", "near", "mtu", $"{mtu}").Checked();
        _space.Execute("ip", "link", "set", "far", "mtu", $"{mtu}").Checked();
        _port = _space.Run(() => AfXdpPort.Open("near", "near", pool, new AfXdpOptions(slots, 256, mode)));
        _far = _space.Run(() => new RawSocket("far"));
    }

    public override IPortDevice Device => _port;

    public override int MaxFrame { get; }

    public override int HeldFrames => _port.HeldFrames;

    public override bool TryOffer(ReadOnlySpan<byte> frame) => _far.TrySend(frame);

    public override void SetLink(bool up) => _space.Execute("ip", "link", "set", "near", up ? "up" : "down").Checked();

    public override byte[]? NextSent() => _far.Receive();

    public override void Dispose()
    {
        _far.Dispose();
        _port.Dispose();
        _space.Dispose();
        Frames.Drain();
        Assert.Equal(Pool.FrameCount, Pool.FreeCount);
    }
}
