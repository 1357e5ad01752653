using Softswitch.Datapath.Headers;
using Softswitch.Ports.NetFpga.Offload;
using Softswitch.Ports.Tests.Offload;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.NetFpga.Offload;

/// <summary>Nobody outside can tell that there is a card: real frames through the emulated card and the software against the software alone.</summary>
public sealed class NetFpgaOffloadContractTests : FlowOffloadContract
{
    private protected override IOffloadHardware Create(TestTime time) => new EmulatedHardware(time, OffloadLevel.Strict);

    protected override bool IsUnderstood(byte[] frame) => CardErrata.HasHeaderLength(frame);
}

/// <summary>The same with the default, which takes fragments' payload for ports (E1).</summary>
public sealed class DefaultNetFpgaOffloadContractTests : FlowOffloadContract
{
    private protected override IOffloadHardware Create(TestTime time) => new EmulatedHardware(time, OffloadLevel.On);

    protected override bool IsUnderstood(byte[] frame) => CardErrata.HasHeaderLength(frame) && !CardErrata.IsFragment(frame);
}

/// <summary>The same with all rewrites, which break fragments, too (E2). No frame here is a UDP datagram without checksum (E3).</summary>
public sealed class UnlimitedNetFpgaOffloadContractTests : FlowOffloadContract
{
    private protected override IOffloadHardware Create(TestTime time) => new EmulatedHardware(time, OffloadLevel.All);

    protected override bool IsUnderstood(byte[] frame) => CardErrata.HasHeaderLength(frame) && !CardErrata.IsFragment(frame);
}

/// <summary>Frames that the card takes for others.</summary>
internal static class CardErrata
{
    /// <summary>E4: without, the card takes the frame for one from its first port, flows or not.</summary>
    public static bool HasHeaderLength(ReadOnlySpan<byte> frame) => Ipv4Of(frame) is not { Length: > 0 } header || (header[0] & 0x0f) >= 5;

    public static bool IsFragment(ReadOnlySpan<byte> frame) => Ipv4Of(frame) is { Length: > 8 } header && ((header[6] & 0x3f) | header[7]) != 0;

    private static ReadOnlySpan<byte> Ipv4Of(ReadOnlySpan<byte> frame)
    {
        int offset = TypeAt(frame, 12) == EtherType.Vlan ? 16 : 12;
        return TypeAt(frame, offset) == EtherType.Ipv4 ? frame[(offset + 2)..] : default;
    }

    private static int TypeAt(ReadOnlySpan<byte> frame, int offset) => (frame[offset] << 8) | frame[offset + 1];
}
