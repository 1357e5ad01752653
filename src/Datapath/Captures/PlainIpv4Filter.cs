using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Captures;

/// <summary>Rules out most packets that do not match, without parsing them.</summary>
/// <remarks>
/// <para>
/// The naive way is to parse each packet and compare its key. But in an untagged IPv4 packet without options every field of the key stands at a fixed place, in
/// the order of the key, so that two loads, masked, tell what a parser would say of it: the field's value, or 0 where the packet is cut short, damaged or a
/// fragment. A field that is to have a value other than 0 and has another one there rules the packet out either way.
/// </para>
/// <para>Other packets, and those it does not rule out, are parsed. It reads 38 bytes, which every frame has, however short the packet is.</para>
/// </remarks>
internal readonly unsafe struct PlainIpv4Filter
{
    // Behind the addresses: the type 0x0800, version 4 and a header of 5 words, as they are read.
    private const uint Shape = 0x0045_0008;
    private const uint ShapeMask = 0x00ff_ffff;

    private const int ShapeOffset = 12;
    private const int RestOffset = 22;

    private readonly Vector128<byte> _linkMask;
    private readonly Vector128<byte> _linkValue;
    private readonly Vector128<byte> _restMask;
    private readonly Vector128<byte> _restValue;

    /// <param name="key">What is asked of packets' keys; 0 wherever the mask is.</param>
    public PlainIpv4Filter(in FlowKey key, in FlowKey mask)
    {
        FlowKey sought = Where(key, mask);
        FlowKey value = FlowKey.And(key, sought);
        // Where the key has the tag, the packet has version, header length and TOS; where it has in_port and what follows, time to live, protocol and checksum.
        _linkMask = Lower(sought).WithElement(14, (byte)0).WithElement(15, sought.NwTos);
        _linkValue = Lower(value).WithElement(14, (byte)0).WithElement(15, value.NwTos);
        _restMask = Upper(sought).AsUInt32().WithElement(0, (uint)sought.NwProto << 8).AsByte();
        _restValue = Upper(value).AsUInt32().WithElement(0, (uint)value.NwProto << 8).AsByte();
        if (value.Vlan != default)
        {
            _linkMask = Vector128<byte>.Zero; // no packet of this shape has a tag
            _linkValue = Vector128<byte>.AllBitsSet;
        }
    }

    /// <summary>Whether a packet has to be parsed to know whether it matches.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MayMatch(byte* data)
    {
        Vector128<byte> link = (Vector128.Load(data) & _linkMask) ^ _linkValue;
        Vector128<byte> rest = (Vector128.Load(data + RestOffset) & _restMask) ^ _restValue;
        return ((link | rest) == Vector128<byte>.Zero) | ((Unsafe.ReadUnaligned<uint>(data + ShapeOffset) & ShapeMask) != Shape); // no branch
    }

    /// <summary>The mask without fields that are to be 0, and without ICMP's type and code, which stand closer together than in the key.</summary>
    private static FlowKey Where(in FlowKey key, in FlowKey mask) => new()
    {
        DlDst = key.DlDst == default ? default : mask.DlDst,
        DlSrc = key.DlSrc == default ? default : mask.DlSrc,
        DlType = key.DlType == default ? default : mask.DlType,
        Vlan = key.Vlan,
        NwTos = key.NwTos == 0 ? (byte)0 : mask.NwTos,
        NwProto = key.NwProto == 0 ? (byte)0 : mask.NwProto,
        NwSrc = key.NwSrc == default ? default : mask.NwSrc,
        NwDst = key.NwDst == default ? default : mask.NwDst,
        TpSrc = key.TpSrc == default || key.NwProto == IpProtocol.Icmp ? default : mask.TpSrc,
        TpDst = key.TpDst == default || key.NwProto == IpProtocol.Icmp ? default : mask.TpDst,
    };

    private static Vector128<byte> Lower(FlowKey key) => key.AsVector().GetLower();

    private static Vector128<byte> Upper(FlowKey key) => key.AsVector().GetUpper();
}
