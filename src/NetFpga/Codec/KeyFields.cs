using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Codec;

/// <summary>Where the fields of a match stand in its 256 bits. Numbers throughout: addresses too have their last byte lowest.</summary>
internal static class KeyFields
{
    public static readonly BitField TpDst = new(0, 16);
    public static readonly BitField TpSrc = new(16, 16);
    public static readonly BitField NwProto = new(32, 8);
    public static readonly BitField NwDst = new(40, 32);
    public static readonly BitField NwSrc = new(72, 32);
    public static readonly BitField DlType = new(104, 16);
    public static readonly BitField DlDst = new(120, 48);
    public static readonly BitField DlSrc = new(168, 48);

    /// <summary>Wire or host queue, as <see cref="CardPort"/> numbers them.</summary>
    public static readonly BitField Source = new(216, 8);

    /// <summary>Layout 1.0 only; the parser leaves the low two bits 0.</summary>
    public static readonly BitField NwTos = new(224, 8);

    /// <summary>Exact table only: the slot is in use.</summary>
    public static readonly BitField Active = new(255, 1);

    private static readonly BitField VlanOf09 = new(224, 16);
    private static readonly BitField VlanOf10 = new(232, 16);

    /// <summary>PCP in bits 15-13, bit 12 zero, VID in bits 11-0; <see cref="Untagged"/> without a tag.</summary>
    public static BitField Vlan(CardLayout layout) => layout == CardLayout.V10 ? VlanOf10 : VlanOf09;

    public const ushort Untagged = 0xffff;

    /// <summary>The bit of the vlan field that is set only in frames without a tag.</summary>
    public const ushort UntaggedBit = 0x1000;
}
