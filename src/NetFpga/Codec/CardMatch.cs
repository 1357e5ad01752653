using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Codec;

/// <summary>What a row or slot matches, in the switch's terms.</summary>
/// <param name="Key">Normalised: 0 wherever <paramref name="Mask"/> is. in_port is 0.</param>
/// <param name="Mask">1 bits are compared. in_port is 0: where a frame came from is in the other members.</param>
/// <param name="Source">Source number as <see cref="CardPort"/> has it; where <paramref name="SourceMask"/> has bits, those are 0.</param>
/// <param name="SourceMask">1 bits of the source number are not compared: 0 for one source, 0xfe for all wires or all queues, 0xff for everything.</param>
/// <param name="Anomaly">What the entry compares beyond that and no OpenFlow match can say; null if nothing.</param>
internal readonly record struct CardMatch(FlowKey Key, FlowKey Mask, byte Source, byte SourceMask, string? Anomaly)
{
    /// <summary>Port whose wire the frame has to come from, 0 to 3; null if it may be several.</summary>
    public int? Port => SourceMask == 0 && Source < CardPort.NumberCount && Source % 2 == 0 ? Source / 2 : null;

    /// <summary>Where only bits of a tag are compared that frames without one have set, too (E6): the same for those frames; null otherwise.</summary>
    public CardMatch? Untagged => IsUntaggedToo
        ? this with { Key = Key with { Vlan = default }, Mask = Mask with { Vlan = new Be16(ushort.MaxValue) }, IsUntaggedToo = false }
        : null;

    /// <summary>Whether frames without a tag match, too, although bits of a tag are compared.</summary>
    public bool IsUntaggedToo { get; init; }

    /// <summary>Frames of the host match, and none from a wire.</summary>
    public bool IsFromHost => (Source & 1) != 0;
}
