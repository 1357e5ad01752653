namespace Softswitch.OfAgent.Wire;

/// <summary>Nicira's requests for other forms of messages, bodies of OFPT_VENDOR. They have no reply.</summary>
/// <remarks>
/// <code>
/// 0        8        12        16       20
/// | header | vendor | subtype | value |            NXT_SET_FLOW_FORMAT, NXT_SET_PACKET_IN_FORMAT
/// | header | vendor | subtype | set | pad to 24 |  NXT_FLOW_MOD_TABLE_ID: one byte
/// </code>
/// </remarks>
internal static class NiciraFormatMessage
{
    /// <summary>NXT_SET_FLOW_FORMAT; 0 is OpenFlow 1.0's own match, NXFF_OPENFLOW10.</summary>
    public const uint FlowFormatSubtype = 12;

    /// <summary>NXT_FLOW_MOD_TABLE_ID; 0 leaves the command field as OpenFlow 1.0 has it, else its upper byte is a table's number.</summary>
    public const uint FlowModTableIdSubtype = 15;

    /// <summary>NXT_SET_PACKET_IN_FORMAT; 0 is OpenFlow 1.0's own packet-in, NXPIF_STANDARD.</summary>
    public const uint PacketInFormatSubtype = 16;

    private const int FormatSize = 20;
    private const int TableIdSize = 24;

    public static bool IsFormat(uint subtype) => subtype is FlowFormatSubtype or FlowModTableIdSubtype or PacketInFormatSubtype;

    /// <param name="value">The format, or whether table ids are asked for; 0 asks for what OpenFlow 1.0 says.</param>
    public static void WriteRequest(OfBuffer buffer, uint xid, uint subtype, uint value)
    {
        bool isTableId = subtype == FlowModTableIdSubtype;
        OfWriter writer = buffer.Message(OfType.Vendor, xid, isTableId ? TableIdSize : FormatSize);
        writer.UInt32(VendorMessage.Nicira);
        writer.UInt32(subtype);
        if (isTableId)
        {
            writer.UInt8((byte)value);
            return;
        }
        writer.UInt32(value);
    }

    /// <param name="message">A vendor message of Nicira's with a subtype that <see cref="IsFormat"/>.</param>
    public static bool TryDecode(ReadOnlySpan<byte> message, out uint value, out OfError error)
    {
        OfReader reader = OfReader.Body(message);
        reader.Skip(4);
        bool isTableId = reader.UInt32() == FlowModTableIdSubtype;
        value = isTableId ? reader.UInt8() : reader.UInt32();
        return OfMessage.HasLength(message, isTableId ? TableIdSize : FormatSize, out error);
    }
}
