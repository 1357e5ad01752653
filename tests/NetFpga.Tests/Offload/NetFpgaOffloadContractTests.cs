using Softswitch.Datapath.Headers;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.Testing.Offload;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>Nobody outside can tell that there is a card: real frames through the emulated card and the software against the software alone.</summary>
public sealed class NetFpgaOffloadContractTests : FlowOffloadContract
{
    private protected override IOffloadHardware Create(TestTime time) => new EmulatedHardware(time, OffloadLevel.Strict);

    protected override bool IsUnderstood(byte[] frame) => CardErrata.IsParsed(frame);
}

/// <summary>The same with the default, which takes fragments' payload for ports (E1).</summary>
public sealed class DefaultNetFpgaOffloadContractTests : FlowOffloadContract
{
    private protected override IOffloadHardware Create(TestTime time) => new EmulatedHardware(time, OffloadLevel.On);

    protected override bool IsUnderstood(byte[] frame) => CardErrata.IsParsed(frame) && !CardErrata.IsFragment(frame);
}

/// <summary>The same with all rewrites, which break fragments, too (E2). No frame here is a UDP datagram without checksum (E3).</summary>
public sealed class UnlimitedNetFpgaOffloadContractTests : FlowOffloadContract
{
    private protected override IOffloadHardware Create(TestTime time) => new EmulatedHardware(time, OffloadLevel.All);

    protected override bool IsUnderstood(byte[] frame) => CardErrata.IsParsed(frame) && !CardErrata.IsFragment(frame);
}

/// <summary>Frames that the card takes for others.</summary>
internal static class CardErrata
{
    /// <summary>
    /// Whether the card's parser comes to an end with it. E4: with a header length below 5 the card takes the frame for one from its first port, flows or not. E9:
    /// with one that points behind the frame it is out of step from then on. <see cref="OutOfStepTests"/> is about these.
    /// </summary>
    public static bool IsParsed(ReadOnlySpan<byte> frame) => Ipv4Of(frame) is not { Length: > 0 } header || ((header[0] & 0x0f) >= 5 && !EndsBeforePorts(frame));

    /// <summary>E9: the eight bytes in which the ports end are behind the frame, of which every one has 60.</summary>
    public static bool EndsBeforePorts(ReadOnlySpan<byte> frame)
    {
        ReadOnlySpan<byte> header = Ipv4Of(frame);
        if (header.Length < 10 || header[9] is not (IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Icmp))
        {
            return false;
        }
        int tag = TypeAt(frame, 12) == EtherType.Vlan ? 4 : 0;
        int untagged = Math.Max(frame.Length, 60) - tag;
        return 14 + ((header[0] & 0x0f) * 4) + 4 > (untagged + 7) / 8 * 8;
    }

    public static bool IsFragment(ReadOnlySpan<byte> frame) => Ipv4Of(frame) is { Length: > 8 } header && ((header[6] & 0x3f) | header[7]) != 0;

    private static ReadOnlySpan<byte> Ipv4Of(ReadOnlySpan<byte> frame)
    {
        int offset = TypeAt(frame, 12) == EtherType.Vlan ? 16 : 12;
        return TypeAt(frame, offset) == EtherType.Ipv4 ? frame[(offset + 2)..] : default;
    }

    private static int TypeAt(ReadOnlySpan<byte> frame, int offset) => offset + 1 < frame.Length ? (frame[offset] << 8) | frame[offset + 1] : 0;
}
