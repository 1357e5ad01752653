using Softswitch.Testing.Offload;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Contract;

/// <summary>The contract itself, and the datapath's side of it.</summary>
public sealed class LinearHardwareTests : FlowOffloadContract
{
    private protected override IOffloadHardware Create(TestTime time)
    {
        long start = time.GetTimestamp();
        return new LinearHardware(() => (time.GetTimestamp() - start) / TimeSpan.TicksPerMillisecond);
    }
}
