using System.Numerics;
using Softswitch.Datapath.Flows;

namespace Softswitch.NetFpga.Codec;

/// <summary>What a row or slot matches as a controller would state it.</summary>
internal static class CardFlowMatch
{
    private const ushort VidBits = 0x0fff;
    private const ushort PcpBits = 0xe000;
    private const byte DscpBits = 0xfc;

    /// <param name="portNumbers">The switch's numbers of card ports 0 to 3.</param>
    /// <param name="anomaly">What the card does and the result does not say; null if nothing.</param>
    public static FlowMatch From(in CardMatch card, ReadOnlySpan<ushort> portNumbers, out string? anomaly)
    {
        FlowMatch match = new()
        {
            InPort = card.Port is int port ? portNumbers[port] : (ushort)0,
            DlSrc = card.Key.DlSrc,
            DlDst = card.Key.DlDst,
            DlType = card.Key.DlType.Host,
            NwTos = card.Key.NwTos,
            NwProto = card.Key.NwProto,
            NwSrc = card.Key.NwSrc.Host,
            NwDst = card.Key.NwDst.Host,
            TpSrc = card.Key.TpSrc.Host,
            TpDst = card.Key.TpDst.Host,
            Wildcards = OpenFields(card),
        };
        match.SetNwWildBits(BitOperations.TrailingZeroCount(card.Mask.NwSrc.Host), BitOperations.TrailingZeroCount(card.Mask.NwDst.Host));
        SetVlan(card, ref match);
        anomaly = card.Anomaly ?? SourceAnomaly(card) ?? (SaysAll(match, card) ? null : "compares more, or other bits, than an OpenFlow match can say");
        return match;
    }

    private static FlowWildcards OpenFields(in CardMatch card)
    {
        FlowWildcards open = FlowWildcards.None;
        open |= card.Port == null ? FlowWildcards.InPort : 0;
        open |= card.Mask.DlSrc == default ? FlowWildcards.DlSrc : 0;
        open |= card.Mask.DlDst == default ? FlowWildcards.DlDst : 0;
        open |= card.Mask.DlType == default ? FlowWildcards.DlType : 0;
        open |= card.Mask.NwTos == 0 ? FlowWildcards.NwTos : 0;
        open |= card.Mask.NwProto == 0 ? FlowWildcards.NwProto : 0;
        open |= card.Mask.TpSrc == default ? FlowWildcards.TpSrc : 0;
        open |= card.Mask.TpDst == default ? FlowWildcards.TpDst : 0;
        return open;
    }

    private static void SetVlan(in CardMatch card, ref FlowMatch match)
    {
        ushort key = card.Key.Vlan.Host;
        ushort mask = card.Mask.Vlan.Host;
        if (mask == 0xffff && key == 0)
        {
            match.DlVlan = FlowMatch.VlanNone;
            return;
        }
        match.DlVlan = (ushort)(key & VidBits);
        match.DlVlanPcp = (byte)(key >> 13);
        match.Wildcards |= (mask & VidBits) == 0 ? FlowWildcards.DlVlan : 0;
        match.Wildcards |= (mask & PcpBits) == 0 ? FlowWildcards.DlVlanPcp : 0;
    }

    private static string? SourceAnomaly(in CardMatch card)
    {
        if (card.Port != null || (card.SourceMask == MatchCodec.AnyWire && !card.IsFromHost))
        {
            return null;
        }
        return card.SourceMask == 0xff ? "matches frames of the host, too" : $"matches frames of source number 0x{card.Source:x2}, mask 0x{card.SourceMask:x2}";
    }

    /// <summary>Whether the match, read by the software, compares what the card does.</summary>
    private static bool SaysAll(in FlowMatch match, in CardMatch card)
    {
        MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
        FlowKey cardMask = card.Mask;
        (mask.InPort, mask.NwTos) = (0, (byte)(mask.NwTos & DscpBits));
        (cardMask.InPort, cardMask.NwTos) = (0, (byte)(cardMask.NwTos & DscpBits));
        key.InPort = 0;
        return mask == cardMask && key == card.Key;
    }
}
