using System.Diagnostics.CodeAnalysis;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Codec;

/// <summary>Matches of the flow table to the words of rows and slots, and back.</summary>
/// <remarks>
/// An encoded match hits the same frames as in software, as far as both parsers see the same fields. If the card can never see a field, encoding
/// refuses the match. Two differences are left: the card takes the ports of an IPv4 fragment from its payload, and does not read the SNAP header
/// of an 802.3 frame.
/// </remarks>
internal static class MatchCodec
{
    /// <summary>Mask of the source number that lets every wire through. 0xff would also match frames of the host, whose numbers are odd.</summary>
    public const byte AnyWire = 0xfe;

    private const ulong QueueBit = AnyWire ^ 0xff;
    private const byte DscpBits = 0xfc;
    private const ulong EcnBits = 0x03;

    /// <summary>A row's value and mask.</summary>
    /// <param name="key">As <see cref="MatchNormalizer"/> makes it; in_port is ignored.</param>
    /// <param name="mask">1 bits are compared; in_port is ignored. The mask of an exact entry will do.</param>
    /// <param name="port">Port of the wire, 0 to 3; null for every wire.</param>
    /// <param name="cardMask">1 bits are not compared.</param>
    /// <param name="reason">Why the card cannot hold it, for people.</param>
    public static bool TryEncode(CardLayout layout, in FlowKey key, in FlowKey mask, int? port, out KeyWords value, out KeyWords cardMask,
        [NotNullWhen(false)] out string? reason)
    {
        value = default;
        cardMask = default;
        reason = ReasonToRefuse(layout, key, mask);
        if (reason != null)
        {
            return false;
        }
        Put(KeyFields.TpDst, key.TpDst.Host, mask.TpDst.Host, value, cardMask);
        Put(KeyFields.TpSrc, key.TpSrc.Host, mask.TpSrc.Host, value, cardMask);
        Put(KeyFields.NwProto, key.NwProto, mask.NwProto, value, cardMask);
        Put(KeyFields.NwDst, key.NwDst.Host, mask.NwDst.Host, value, cardMask);
        Put(KeyFields.NwSrc, key.NwSrc.Host, mask.NwSrc.Host, value, cardMask);
        Put(KeyFields.DlType, key.DlType.Host, mask.DlType.Host, value, cardMask);
        Put(KeyFields.DlDst, key.DlDst.Value, mask.DlDst.Value, value, cardMask);
        Put(KeyFields.DlSrc, key.DlSrc.Value, mask.DlSrc.Value, value, cardMask);
        Put(KeyFields.Source, (ulong)CardPort.Wire(port ?? 0), port == null ? QueueBit : (ulong)0xff, value, cardMask);
        if (layout == CardLayout.V10)
        {
            // The low two bits are 0 in every key of the card; compared or not is all the same.
            Put(KeyFields.NwTos, key.NwTos, mask.NwTos | EcnBits, value, cardMask);
        }
        (ushort vlan, ushort vlanMask) = EncodeVlan(key.Vlan.Host, mask.Vlan.Host);
        Put(KeyFields.Vlan(layout), vlan, vlanMask, value, cardMask);
        return true;
    }

    /// <summary>A slot's value, with the active bit, for an entry without wildcards.</summary>
    /// <param name="key">As <see cref="MatchNormalizer"/> makes it; in_port is ignored.</param>
    /// <param name="port">Port of the wire, 0 to 3.</param>
    public static bool TryEncodeExact(CardLayout layout, in FlowKey key, int port, out KeyWords value, [NotNullWhen(false)] out string? reason)
    {
        if (!TryEncode(layout, key, FlowKey.AllOnes, port, out value, out _, out reason))
        {
            return false;
        }
        KeyFields.Active.Set(value, 1);
        return true;
    }

    /// <summary>A row's value and mask in the switch's terms. The active bit is ignored.</summary>
    public static CardMatch Decode(CardLayout layout, in KeyWords value, in KeyWords cardMask)
    {
        FlowKey mask = default;
        mask.TpDst = Be16.FromHost((ushort)Compared(KeyFields.TpDst, cardMask));
        mask.TpSrc = Be16.FromHost((ushort)Compared(KeyFields.TpSrc, cardMask));
        mask.NwProto = (byte)Compared(KeyFields.NwProto, cardMask);
        mask.NwDst = Be32.FromHost((uint)Compared(KeyFields.NwDst, cardMask));
        mask.NwSrc = Be32.FromHost((uint)Compared(KeyFields.NwSrc, cardMask));
        mask.DlType = Be16.FromHost((ushort)Compared(KeyFields.DlType, cardMask));
        mask.DlDst = new MacAddress(Compared(KeyFields.DlDst, cardMask));
        mask.DlSrc = new MacAddress(Compared(KeyFields.DlSrc, cardMask));
        FlowKey key = default;
        key.TpDst = Be16.FromHost((ushort)KeyFields.TpDst.Get(value));
        key.TpSrc = Be16.FromHost((ushort)KeyFields.TpSrc.Get(value));
        key.NwProto = (byte)KeyFields.NwProto.Get(value);
        key.NwDst = Be32.FromHost((uint)KeyFields.NwDst.Get(value));
        key.NwSrc = Be32.FromHost((uint)KeyFields.NwSrc.Get(value));
        key.DlType = Be16.FromHost((ushort)KeyFields.DlType.Get(value));
        key.DlDst = new MacAddress(KeyFields.DlDst.Get(value));
        key.DlSrc = new MacAddress(KeyFields.DlSrc.Get(value));
        if (layout == CardLayout.V10)
        {
            mask.NwTos = (byte)(Compared(KeyFields.NwTos, cardMask) & DscpBits);
            key.NwTos = (byte)KeyFields.NwTos.Get(value);
        }
        BitField vlan = KeyFields.Vlan(layout);
        string? anomaly = DecodeVlan((ushort)vlan.Get(value), (ushort)Compared(vlan, cardMask), ref key, ref mask, out bool untaggedToo);
        byte sourceMask = (byte)KeyFields.Source.Get(cardMask);
        byte source = (byte)(KeyFields.Source.Get(value) & ~(ulong)sourceMask);
        return new CardMatch(FlowKey.And(key, mask), mask, source, sourceMask, anomaly) { IsUntaggedToo = untaggedToo };
    }

    /// <summary>A slot's value in the switch's terms: everything is compared that the layout knows.</summary>
    public static CardMatch DecodeExact(CardLayout layout, in KeyWords value)
    {
        CardMatch match = Decode(layout, value, default);
        FlowKey mask = FlowKey.AllOnes with { InPort = 0 };
        if (layout == CardLayout.V09 && match.Key.DlType.Host is EtherType.Ipv4)
        {
            mask.NwTos = 0;
        }
        else if (layout == CardLayout.V09 && match.Key.DlType.Host is EtherType.Arp)
        {
            (mask.NwProto, mask.NwSrc, mask.NwDst, mask.NwTos, mask.TpSrc, mask.TpDst) = (0, default, default, 0, default, default);
        }
        return match with { Key = FlowKey.And(match.Key, mask), Mask = mask };
    }

    private static void Put(BitField field, ulong key, ulong mask, Span<uint> value, Span<uint> cardMask)
    {
        field.Set(value, key & mask);
        field.Set(cardMask, ~mask);
    }

    private static ulong Compared(BitField field, ReadOnlySpan<uint> cardMask) => ~field.Get(cardMask) & field.Ones;

    /// <summary>The software tells untagged frames by a zero bit 12 among zeros, the card by a one among ones.</summary>
    private static (ushort Value, ushort Mask) EncodeVlan(ushort key, ushort mask)
    {
        if ((mask & FlowKey.VlanPresent) == 0)
        {
            return (0, 0);
        }
        return (key & FlowKey.VlanPresent) == 0 ? (KeyFields.Untagged, (ushort)0xffff) : ((ushort)(key & ~FlowKey.VlanPresent), mask);
    }

    private static string? DecodeVlan(ushort value, ushort compared, ref FlowKey key, ref FlowKey mask, out bool untaggedToo)
    {
        untaggedToo = false;
        if (compared == 0)
        {
            return null;
        }
        if ((compared & KeyFields.UntaggedBit) == 0)
        {
            // Masks of the reference driver, which leaves bit 12 open: a tag's bits, or untagged if all that is compared is one.
            untaggedToo = (value & compared) == compared;
            mask.Vlan = Be16.FromHost((ushort)(compared | FlowKey.VlanPresent));
            key.Vlan = Be16.FromHost((ushort)(value | FlowKey.VlanPresent));
            return null;
        }
        if ((value & KeyFields.UntaggedBit) == 0)
        {
            mask.Vlan = Be16.FromHost(compared);
            key.Vlan = Be16.FromHost((ushort)(value | FlowKey.VlanPresent));
            return null;
        }
        mask.Vlan = new Be16(0xffff);
        return (value & compared) == compared ? null : "matches no frame: bit 12 of vlan is set in frames without a tag only";
    }

    private static string? ReasonToRefuse(CardLayout layout, in FlowKey key, in FlowKey mask)
    {
        ushort type = key.DlType.Host;
        if (mask.DlType.Raw == 0xffff && type < EtherType.FirstType)
        {
            return $"dl_type 0x{type:x4}: the card has the length of 802.3 frames there";
        }
        if (layout == CardLayout.V10)
        {
            return null;
        }
        if (mask.NwTos != 0 && (type == EtherType.Ipv4 || mask.DlType.Raw != 0xffff))
        {
            return "layout 0.9 does not compare nw_tos";
        }
        bool comparesNetwork = (mask.NwProto | mask.NwSrc.Raw | mask.NwDst.Raw) != 0;
        return comparesNetwork && type == EtherType.Arp ? "layout 0.9 does not parse ARP" : null;
    }
}

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
