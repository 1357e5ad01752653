using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Tap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

/// <summary>The contract with the program in the driver.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpNativeContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => AfXdpHarness.Open(pool, XdpMode.Native);
}

/// <summary>The same with the program in the generic hook.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpGenericContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => AfXdpHarness.Open(pool, XdpMode.Generic);
}

/// <summary>The same with packets of several frames.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpJumboContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => AfXdpHarness.Open(pool, XdpMode.Native, mtu: 9000, slots: 512);
}

/// <summary>The same with frames of 4096 bytes, in the generic hook.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpGenericJumboContractTests : LinkContract
{
    internal override int FrameSize => 4096;

    internal override PortHarness Open(FramePool pool) => AfXdpHarness.Open(pool, XdpMode.Generic, mtu: 9000, slots: 512);
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

    public override bool TryOffer(ReadOnlySpan<byte> frame) => _far.Send(_farFrames, frame.ToArray()) == 1;

    public override void SetLink(bool up) => _space.Links.SetUp("tap", up);

    public override byte[]? NextSent()
    {
        foreach (byte[] came in _far.Queues[0].ReceiveOnce(_farFrames))
        {
            if (came.AsSpan(12, 2).SequenceEqual((ReadOnlySpan<byte>)[0x88, 0xb5])) // the host's own stack speaks IPv6 on a new interface
            {
                _sent.Enqueue(came);
            }
        }
        return _sent.TryDequeue(out byte[]? frame) ? frame : null;
    }

    public override void Dispose()
    {
        _port.Dispose();
        _far.Dispose();
        _space.Dispose();
        _farPool.Dispose();
        Pool.AssertAllFree(Frames);
    }
}

internal sealed class AfXdpHarness : VethHarness
{
    private AfXdpHarness(FramePool pool, AfXdpOptions options, int mtu)
        : base(pool, () => AfXdpPort.Open("near", "near", pool, options), mtu)
    {
    }

    public override int HeldFrames => ((AfXdpPort)Device).HeldFrames;

    public static AfXdpHarness Open(FramePool pool, XdpMode mode, int mtu = 1500, int slots = 256)
    {
        Needs.Xdp();
        return new AfXdpHarness(pool, new AfXdpOptions(slots, 256, mode), mtu);
    }

    public override void Dispose()
    {
        base.Dispose();
        Pool.AssertAllFree(Frames);
    }
}
