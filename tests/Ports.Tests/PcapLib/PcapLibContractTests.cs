using Softswitch.Datapath.Packets;
using Softswitch.Ports.PcapLib;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.PcapLib;

[Trait("Ring", "peers")]
public sealed class PcapLibContractTests : PortContract
{
    internal override PortHarness Open(FramePool pool)
    {
        Needs.Namespaces();
        var harness = new VethHarness(pool, () => PcapLibPort.Open("near", "near"));
        Eventually.Up(harness.Device);
        return harness;
    }
}
