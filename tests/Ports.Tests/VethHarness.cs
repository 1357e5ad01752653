using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Tests;

/// <summary>A port on one end of a veth pair; the far end is a plain packet socket.</summary>
internal class VethHarness : PortHarness
{
    private readonly LabNode _space = new("veth");
    private readonly RawSocket _far;

    public VethHarness(FramePool pool, Func<IPortDevice> open, int mtu = 1500)
        : base(pool)
    {
        MaxFrame = mtu + 14;
        VethCable.Lay(_space.Network, "near", _space.Network, "far");
        _space.Links.SetMtu("near", mtu);
        _space.Links.SetMtu("far", mtu);
        Device = _space.Run(open);
        _far = _space.Run(() => new RawSocket("far"));
    }

    public override IPortDevice Device { get; }

    public override int MaxFrame { get; }

    public override bool TryOffer(ReadOnlySpan<byte> frame) => _far.TrySend(frame);

    public override void SetLink(bool up) => _space.Links.SetUp("near", up);

    public override byte[]? NextSent() => _far.Receive();

    public override void Dispose()
    {
        _far.Dispose();
        Device.Dispose();
        _space.Dispose();
    }
}
