using Softswitch.Datapath.Flows;

namespace Softswitch.OfAgent.Wire;

/// <summary>struct ofp_match (OpenFlow 1.0.0 §5.2.3) to and from <see cref="FlowMatch"/>, as sent: nothing is normalised here.</summary>
/// <remarks>
/// <code>
/// 0           4         6        12       18        20         21    22        24       25         26    28       32       36       38       40
/// | wildcards | in_port | dl_src | dl_dst | dl_vlan | vlan_pcp | pad | dl_type | nw_tos | nw_proto | pad | nw_src | nw_dst | tp_src | tp_dst |
/// </code>
/// </remarks>
internal static class OfMatch
{
    /// <summary>Bytes of struct ofp_match.</summary>
    public const int Size = 40;

    public static void Write(ref OfWriter writer, in FlowMatch match)
    {
        writer.UInt32((uint)match.Wildcards);
        writer.UInt16(match.InPort);
        writer.Mac(match.DlSrc);
        writer.Mac(match.DlDst);
        writer.UInt16(match.DlVlan);
        writer.UInt8(match.DlVlanPcp);
        writer.Pad(1);
        writer.UInt16(match.DlType);
        writer.UInt8(match.NwTos);
        writer.UInt8(match.NwProto);
        writer.Pad(2);
        writer.UInt32(match.NwSrc);
        writer.UInt32(match.NwDst);
        writer.UInt16(match.TpSrc);
        writer.UInt16(match.TpDst);
    }

    public static FlowMatch Read(ref OfReader reader)
    {
        FlowMatch match = default;
        match.Wildcards = (FlowWildcards)reader.UInt32();
        match.InPort = reader.UInt16();
        match.DlSrc = reader.Mac();
        match.DlDst = reader.Mac();
        match.DlVlan = reader.UInt16();
        match.DlVlanPcp = reader.UInt8();
        reader.Skip(1);
        match.DlType = reader.UInt16();
        match.NwTos = reader.UInt8();
        match.NwProto = reader.UInt8();
        reader.Skip(2);
        match.NwSrc = reader.UInt32();
        match.NwDst = reader.UInt32();
        match.TpSrc = reader.UInt16();
        match.TpDst = reader.UInt16();
        return match;
    }
}
