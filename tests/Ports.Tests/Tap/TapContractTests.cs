using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Tap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tap;

[Trait("Ring", "peers")]
public sealed class TapContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool)
    {
        Needs.Tun();
        return new Harness(pool);
    }

    private sealed class Harness : PortHarness
    {
        private readonly LabNode _space = new("tap");
        private readonly TapPort _port;
        private readonly RawSocket _far;

        public Harness(FramePool pool)
            : base(pool)
        {
            // Without IPv6 and before it is up, so that the kernel says nothing of its own.
            _space.Execute("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6").Checked();
            _port = _space.Run(() => TapPort.Open("tap:near", "near"));
            _space.Links.SetMtu("near", 9000);
            _ = _port.ReadLink();
            _far = _space.Run(() => new RawSocket("near"));
        }

        public override IPortDevice Device => _port;

        public override int MaxFrame => 4000;

        public override bool TryOffer(ReadOnlySpan<byte> frame) => _far.TrySend(frame);

        public override void SetLink(bool up) => _space.Links.SetUp("near", up);

        public override byte[]? NextSent() => _far.Receive();

        public override void Dispose()
        {
            _far.Dispose();
            _port.Dispose();
            _space.Dispose();
        }
    }
}
