using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfXdp;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

/// <summary>The contract over a veth pair with the program in the driver; the far end is a plain packet socket.</summary>
public sealed class AfXdpNativeContractTests : PortContract
{
    internal override PortHarness Open(FramePool pool) => new AfXdpHarness(pool, XdpMode.Native);
}

/// <summary>The same with the program in the generic hook.</summary>
public sealed class AfXdpGenericContractTests : PortContract
{
    internal override PortHarness Open(FramePool pool) => new AfXdpHarness(pool, XdpMode.Generic);
}

internal sealed class AfXdpHarness : PortHarness
{
    private readonly TestNamespace _space;
    private readonly AfXdpPort _port;
    private readonly RawSocket _far;

    public AfXdpHarness(FramePool pool, XdpMode mode)
        : base(pool)
    {
        Needs.Xdp();
        _space = new TestNamespace("xdp");
        TestNamespace.Join(_space, "near", _space, "far");
        _port = _space.Run(() => AfXdpPort.Open("near", "near", pool, new AfXdpOptions(ReceiveSlots: 256, Mode: mode)));
        _far = _space.Run(() => new RawSocket("far"));
    }

    public override IPortDevice Device => _port;

    public override int HeldFrames => _port.HeldFrames;

    public override bool TryOffer(ReadOnlySpan<byte> frame) => _far.Send(frame);

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
