using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Flows;

/// <summary>The OpenFlow 1.0 twelve-tuple of one packet in 32 bytes, or a mask over it (1 bits are compared).</summary>
/// <remarks>
/// <code>
///  0        6        12        14     16        18      19        20       24       28       30       32
/// | dl_dst | dl_src | dl_type | vlan | in_port | nw_tos | nw_proto | nw_src | nw_dst | tp_src | tp_dst |
/// </code>
/// Bytes 0-13 and 20-31 stand as they do in an untagged TCP/IPv4 frame, so a key is two 16-byte loads from the packet and one
/// patch each. Network byte order, but for in_port, which never is on a wire. vlan is 0 without a tag; with one it holds PCP,
/// <see cref="VlanPresent"/> and VID. One 256-bit register: equality is one compare, a masked match an and and a compare.
/// Fields a packet does not have are 0 (§3.4).
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = Size)]
[DebuggerDisplay("{ToString()}")]
internal unsafe struct FlowKey : IEquatable<FlowKey>
{
    public const int Size = 32;

    /// <summary>Set in <see cref="Vlan"/> (host order) when there is a tag; the place of the tag's DEI bit, which OpenFlow 1.0 does not match.</summary>
    public const ushort VlanPresent = 0x1000;

    [FieldOffset(0)]
    public MacAddress DlDst;

    [FieldOffset(6)]
    public MacAddress DlSrc;

    [FieldOffset(12)]
    public Be16 DlType;

    [FieldOffset(14)]
    public Be16 Vlan;

    [FieldOffset(16)]
    public ushort InPort;

    [FieldOffset(18)]
    public byte NwTos;

    [FieldOffset(19)]
    public byte NwProto;

    [FieldOffset(20)]
    public Be32 NwSrc;

    [FieldOffset(24)]
    public Be32 NwDst;

    [FieldOffset(28)]
    public Be16 TpSrc;

    [FieldOffset(30)]
    public Be16 TpDst;

    [FieldOffset(0)]
    private fixed ulong _words[4];

    /// <summary>The mask that compares every bit.</summary>
    public static FlowKey AllOnes
    {
        get
        {
            FlowKey key = default;
            key.AsVector() = Vector256<byte>.AllBitsSet;
            return key;
        }
    }

    /// <summary>The key as one register. The reference lives as long as the key.</summary>
    [UnscopedRef]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref Vector256<byte> AsVector() => ref Unsafe.As<FlowKey, Vector256<byte>>(ref this);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Equals(in FlowKey a, in FlowKey b) =>
        Unsafe.As<FlowKey, Vector256<byte>>(ref Unsafe.AsRef(in a)) == Unsafe.As<FlowKey, Vector256<byte>>(ref Unsafe.AsRef(in b));

    /// <summary>The bits of <paramref name="key"/> that <paramref name="mask"/> compares.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FlowKey And(in FlowKey key, in FlowKey mask)
    {
        FlowKey result;
        Unsafe.SkipInit(out result);
        result.AsVector() = Unsafe.As<FlowKey, Vector256<byte>>(ref Unsafe.AsRef(in key))
            & Unsafe.As<FlowKey, Vector256<byte>>(ref Unsafe.AsRef(in mask));
        return result;
    }

    /// <summary>Whether <paramref name="key"/> equals <paramref name="value"/> in every bit <paramref name="mask"/> compares.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Matches(in FlowKey key, in FlowKey value, in FlowKey mask) => Equals(And(key, mask), value);

    public readonly bool Equals(FlowKey other) => Equals(this, other);

    public override readonly bool Equals(object? obj) => obj is FlowKey other && Equals(other);

    public override readonly int GetHashCode() => HashCode.Combine(_words[0], _words[1], _words[2], _words[3]);

    public static bool operator ==(FlowKey left, FlowKey right) => Equals(left, right);

    public static bool operator !=(FlowKey left, FlowKey right) => !Equals(left, right);

    public override readonly string ToString() =>
        $"in_port={InPort} {DlSrc}>{DlDst} vlan={Vlan} type={DlType} tos={NwTos:x2} proto={NwProto} "
        + $"{NwSrc}>{NwDst} {TpSrc.Host}>{TpDst.Host}";
}
