using System.Numerics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Tables;

/// <summary>The bits a new subtable hashes, given the mask of the entry it is made for: few, so that many masks fit under it.</summary>
internal static class SubtableMask
{
    /// <summary>How closely a subtable can follow a mask, from loosely to exactly.</summary>
    public const int Levels = 3;

    // With more bits than this there is enough to tell entries apart; further fields would only keep other masks out. Not so tp_dst:
    // rules name a service between the same two networks again and again. Fields that are the same in most packets are worth a
    // subtable of their own only where there is hardly anything else.
    private const int TwoNetworksBits = 48;
    private const int EnoughBits = 24;
    private const int HardlyAnyBits = 15;

    /// <param name="level">0 to <see cref="Levels"/> - 1; at the last the result is the mask itself.</param>
    public static FlowKey Relax(in FlowKey mask, int level) => level switch
    {
        0 => Loosely(mask),
        1 => mask with { NwSrc = Prefix(mask.NwSrc, Nibble), NwDst = Prefix(mask.NwDst, Nibble), NwProto = 0, NwTos = 0 },
        _ => mask,
    };

    /// <summary>Both addresses cut to a length that many share, nw_proto; then the fields that tell most apart, until there is enough.</summary>
    private static FlowKey Loosely(in FlowKey mask)
    {
        FlowKey relaxed = default;
        relaxed.NwSrc = Prefix(mask.NwSrc, ByteOfNetwork);
        relaxed.NwDst = Prefix(mask.NwDst, ByteOfNetwork);
        relaxed.NwProto = mask.NwProto; // few values, but rules that differ in nothing else are many
        int bits = BitOperations.PopCount(relaxed.NwSrc.Raw) + BitOperations.PopCount(relaxed.NwDst.Raw);
        relaxed.DlDst = Wants(mask.DlDst != default, 48, EnoughBits) ? mask.DlDst : default;
        relaxed.DlSrc = Wants(mask.DlSrc != default, 48, EnoughBits) ? mask.DlSrc : default;
        relaxed.TpDst = Wants(mask.TpDst.Raw != 0, 16, TwoNetworksBits) ? mask.TpDst : default;
        relaxed.Vlan = Wants(mask.Vlan.Raw != 0, 12, EnoughBits) ? mask.Vlan : default;
        relaxed.InPort = Wants(mask.InPort != 0, 16, EnoughBits) ? mask.InPort : (ushort)0;
        relaxed.TpSrc = Wants(mask.TpSrc.Raw != 0, 16, EnoughBits) ? mask.TpSrc : default;
        relaxed.DlType = Wants(mask.DlType.Raw != 0, 16, HardlyAnyBits) ? mask.DlType : default;
        relaxed.NwTos = Wants(mask.NwTos != 0, 6, HardlyAnyBits) ? mask.NwTos : (byte)0;
        return relaxed;

        bool Wants(bool compared, int width, int unlessMoreThan)
        {
            bool wanted = compared && bits <= unlessMoreThan;
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
