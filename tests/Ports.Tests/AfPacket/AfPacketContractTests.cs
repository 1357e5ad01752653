using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfPacket;

/// <summary>The contract over a veth pair; the far end is a plain packet socket of the runtime's own making.</summary>
[Trait("Ring", "peers")]
public sealed class AfPacketContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => new AfPacketHarness(pool);
}

/// <summary>The same with jumbo frames, which lie in large frames of the pool.</summary>
[Trait("Ring", "peers")]
public sealed class AfPacketJumboContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => new AfPacketHarness(pool, mtu: 9000);
}

internal sealed class AfPacketHarness : PortHarness
{
    private readonly LabNode _space;
    private readonly AfPacketPort _port;
    private readonly RawSocket _far;

    public AfPacketHarness(FramePool pool, int mtu = 1500)
        : base(pool)
    {
        Needs.Namespaces();
        MaxFrame = mtu + 14;
        _space = new LabNode("afp");
        VethCable.Lay(_space.Network, "near", _space.Network, "far");
        _space.AwaitUp("near"); // before, what it sends is lost
        _space.Execute("ip", "link", "set", "near", "mtu", $"{mtu}").Checked();
        _space.Execute("ip", "link", "set", "far", "mtu", $"{mtu}").Checked();
        _port = _space.Run(() => AfPacketPort.Open("near", "near"));
        _far = _space.Run(() => new RawSocket("far"));
    }

    public override IPortDevice Device => _port;

    public override int MaxFrame { get; }

    public override bool TryOffer(ReadOnlySpan<byte> frame) => _far.TrySend(frame);

    public override void SetLink(bool up) => _space.Execute("ip", "link", "set", "near", up ? "up" : "down").Checked();

    public override byte[]? NextSent() => _far.Receive();

    public override void Dispose()
    {
        _far.Dispose();
        _port.Dispose();
        _space.Dispose();
    }
}
