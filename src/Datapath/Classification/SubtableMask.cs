using System.Numerics;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Classification;

/// <summary>The bits a new subtable hashes, given the mask of the entry it is made for: few, so that many masks fit under it.</summary>
internal static class SubtableMask
{
    /// <summary>How closely a subtable can follow a mask, from loosely to exactly.</summary>
    public const int Levels = 3;

    // With more bits than this there is enough to tell entries apart; further fields would only keep other masks out.
    private const int EnoughBits = 24;

    /// <param name="level">0 to <see cref="Levels"/> - 1; at the last the result is the mask itself.</param>
    public static FlowKey Relax(in FlowKey mask, int level) => level switch
    {
        0 => Loosely(mask),
        1 => mask with { NwSrc = Prefix(mask.NwSrc, Nibble), NwDst = Prefix(mask.NwDst, Nibble), NwProto = 0, NwTos = 0 },
        _ => mask,
    };

    /// <summary>Both addresses cut to a length that many share; then the fields that tell most apart, until there is enough.</summary>
    private static FlowKey Loosely(in FlowKey mask)
    {
        FlowKey relaxed = default;
        relaxed.NwSrc = Prefix(mask.NwSrc, ByteOfNetwork);
        relaxed.NwDst = Prefix(mask.NwDst, ByteOfNetwork);
        int bits = BitOperations.PopCount(relaxed.NwSrc.Raw) + BitOperations.PopCount(relaxed.NwDst.Raw);
        if (Wants(mask.DlDst != default, 48))
        {
            relaxed.DlDst = mask.DlDst;
        }
        if (Wants(mask.DlSrc != default, 48))
        {
            relaxed.DlSrc = mask.DlSrc;
        }
        if (Wants(mask.TpDst.Raw != 0, 16))
        {
            relaxed.TpDst = mask.TpDst;
        }
        if (Wants(mask.Vlan.Raw != 0, 12))
        {
            relaxed.Vlan = mask.Vlan;
        }
        if (Wants(mask.InPort != 0, 16))
        {
            relaxed.InPort = mask.InPort;
        }
        if (Wants(mask.TpSrc.Raw != 0, 16))
        {
            relaxed.TpSrc = mask.TpSrc;
        }
        if (Wants(mask.NwProto != 0, 8))
        {
            relaxed.NwProto = mask.NwProto;
        }
        if (Wants(mask.DlType.Raw != 0, 16))
        {
            relaxed.DlType = mask.DlType;
        }
        if (Wants(mask.NwTos != 0, 6))
        {
            relaxed.NwTos = mask.NwTos;
        }
        return relaxed;

        bool Wants(bool compared, int width)
        {
            bool wanted = compared && bits <= EnoughBits;
            bits += wanted ? width : 0;
            return wanted;
        }
    }

    private static int ByteOfNetwork(int length) => length >= 24 ? 24 : length >= 16 ? 16 : 0;

    private static int Nibble(int length) => length & ~3;

    private static Be32 Prefix(Be32 mask, Func<int, int> shorten)
    {
        int length = shorten(BitOperations.PopCount(mask.Raw));
        return Be32.FromHost(length == 0 ? 0 : uint.MaxValue << (32 - length));
    }
}
