using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Codec;

/// <summary>Where the values of an action stand in its 320 bits; the last two words are unused.</summary>
internal static class ActionFields
{
    /// <summary>Bit n: the frame goes to destination n, as <see cref="CardPort"/> numbers them.</summary>
    public static readonly BitField Bitmap = new(0, 16);
    public static readonly BitField Flags = new(16, 16);
    public static readonly BitField VlanVid = new(32, 16);
    public static readonly BitField VlanPcp = new(48, 8);
    public static readonly BitField DlSrc = new(56, 48);
    public static readonly BitField DlDst = new(104, 48);
    public static readonly BitField NwSrc = new(152, 32);
    public static readonly BitField NwDst = new(184, 32);
    public static readonly BitField NwTos = new(216, 8);
    public static readonly BitField TpSrc = new(224, 16);
    public static readonly BitField TpDst = new(240, 16);
}
