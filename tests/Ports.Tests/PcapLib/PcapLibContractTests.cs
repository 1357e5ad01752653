using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.PcapLib;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.PcapLib;

/// <summary>The contract over a veth pair; the far end is a plain packet socket.</summary>
[Trait("Ring", "peers")]
public sealed class PcapLibContractTests : PortContract
{
    internal override PortHarness Open(FramePool pool)
    {
        Needs.Namespaces();
        return new Harness(pool);
    }

    private sealed class Harness : PortHarness
    {
        private readonly LabNode _space = new("pcl");
        private readonly PcapLibPort _port;
        private readonly RawSocket _far;

        public Harness(FramePool pool)
            : base(pool)
        {
            VethCable.Lay(_space.Network, "near", _space.Network, "far");
            _port = _space.Run(() => PcapLibPort.Open("near", "near"));
            Eventually.Up(_port);
            _far = _space.Run(() => new RawSocket("far"));
        }

        public override IPortDevice Device => _port;

        public override bool TryOffer(ReadOnlySpan<byte> frame) => _far.Send(frame);

        public override byte[]? NextSent() => _far.Receive();

        public override void Dispose()
        {
            _far.Dispose();
            _port.Dispose();
            _space.Dispose();
        }
    }
}
