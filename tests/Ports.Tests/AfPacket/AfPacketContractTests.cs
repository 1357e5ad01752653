using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfPacket;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfPacket;

[Trait("Ring", "peers")]
public sealed class AfPacketContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => Open(pool, mtu: 1500);

    internal static PortHarness Open(FramePool pool, int mtu)
    {
        Needs.Namespaces();
        return new VethHarness(pool, () => AfPacketPort.Open("near", "near"), mtu);
    }
}

/// <summary>The same with jumbo frames, which lie in large frames of the pool.</summary>
[Trait("Ring", "peers")]
public sealed class AfPacketJumboContractTests : LinkContract
{
    internal override PortHarness Open(FramePool pool) => AfPacketContractTests.Open(pool, mtu: 9000);
}
