using System.Numerics;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;

namespace Softswitch.Datapath.Tables;

/// <summary>The twelve-tuple as bit vectors see it: ten fields that are compared whole or not at all, and the eight octets of both addresses.</summary>
/// <remarks>
/// <para>
/// dl_vlan and dl_vlan_pcp share 16 bits of a <see cref="FlowKey"/>; both compare the bit that says that there is a tag. Fields are numbered from 0, the
/// octets, of which a prefix may compare the upper bits only, after the others.
/// </para>
/// <para>
/// A column is an octet: of an address, or of the number that a field's value has (<see cref="BitVectorNumbers"/>). The columns of upper octets of numbers come
/// after those of the fields.
/// </para>
/// </remarks>
internal static unsafe class BitVectorFields
{
    /// <summary>How many are compared whole or not at all.</summary>
    public const int Whole = 10;

    /// <summary>All of them.</summary>
    public const int Count = Whole + Octets;

    /// <summary>How many columns: fields, and once more those with numbers.</summary>
    public const int Columns = Count + Whole;

    private const int Octets = 8;
    private const int AddressesOffset = 20; // in a key: nw_src, then nw_dst
    private const ushort VlanIdBits = 0x0fff;
    private const ushort VlanPriorityBits = 0xe000;

    /// <summary>Values of the fields that are compared whole.</summary>
    /// <param name="values">Receives <see cref="Whole"/> of them.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(in FlowKey key, ulong* values)
    {
        ushort vlan = key.Vlan.Host;
        values[0] = key.InPort;
        values[1] = key.DlSrc.Value;
        values[2] = key.DlDst.Value;
        values[3] = key.DlType.Raw;
        values[4] = (ulong)vlan & (VlanIdBits | FlowKey.VlanPresent);
        values[5] = (ulong)vlan & (VlanPriorityBits | FlowKey.VlanPresent);
        values[6] = key.NwTos & 0xfcUL;
        values[7] = key.NwProto;
        values[8] = key.TpSrc.Raw;
        values[9] = key.TpDst.Raw;
    }

    /// <summary>An octet of the addresses, or of what a mask compares of it.</summary>
    /// <param name="field">Its number.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte OctetOf(in FlowKey key, int field) =>
        Unsafe.Add(ref Unsafe.As<FlowKey, byte>(ref Unsafe.AsRef(in key)), AddressesOffset + field - Whole);

    /// <summary>The fields of which a mask compares something, one bit each.</summary>
    public static uint Compared(in FlowKey mask)
    {
        uint compared = mask.InPort != 0 ? 1U : 0;
        compared |= mask.DlSrc != default ? 1U << 1 : 0;
        compared |= mask.DlDst != default ? 1U << 2 : 0;
        compared |= mask.DlType.Raw != 0 ? 1U << 3 : 0;
        compared |= mask.NwTos != 0 ? 1U << 6 : 0;
        compared |= mask.NwProto != 0 ? 1U << 7 : 0;
        compared |= mask.TpSrc.Raw != 0 ? 1U << 8 : 0;
        compared |= mask.TpDst.Raw != 0 ? 1U << 9 : 0;
        compared |= (mask.Vlan.Host & VlanIdBits) != 0 ? 1U << 4 : 0;
        compared |= (mask.Vlan.Host & VlanPriorityBits) != 0 ? 1U << 5 : 0;
        for (int field = Whole; field < Count; field++)
        {
            compared |= OctetOf(mask, field) != 0 ? 1U << field : 0;
        }
        return compared;
    }

    /// <summary>How many values of an octet agree with one that is masked like this, which are neighbours from the masked one up.</summary>
    public static int ValuesUnder(byte mask) => 1 << (8 - BitOperations.PopCount(mask));
}
