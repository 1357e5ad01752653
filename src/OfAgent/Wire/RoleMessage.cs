namespace Softswitch.OfAgent.Wire;

/// <summary>What a controller may do: enum nx_role of Nicira's extensions.</summary>
public enum ControllerRole : uint
{
    /// <summary>NX_ROLE_OTHER: everything, beside others. OpenFlow 1.2 calls it equal.</summary>
    Other = 0,

    /// <summary>NX_ROLE_MASTER: everything; the connection that was master becomes slave.</summary>
    Master = 1,

    /// <summary>NX_ROLE_SLAVE: reads only, and no packet-ins or flow-removed.</summary>
    Slave = 2,
}

/// <summary>NXT_ROLE_REQUEST and NXT_ROLE_REPLY, bodies of OFPT_VENDOR with Nicira's number.</summary>
/// <remarks>
/// <code>
/// 0        8        12        16     20
/// | header | vendor | subtype | role |
/// </code>
/// </remarks>
internal static class RoleMessage
{
    public const int Size = 20;

    /// <summary>NXT_ROLE_REQUEST.</summary>
    public const uint RequestSubtype = 10;

    /// <summary>NXT_ROLE_REPLY.</summary>
    public const uint ReplySubtype = 11;

    public static void WriteRequest(OfBuffer buffer, uint xid, ControllerRole role) => Write(buffer, xid, RequestSubtype, role);

    public static void WriteReply(OfBuffer buffer, uint xid, ControllerRole role) => Write(buffer, xid, ReplySubtype, role);

    /// <summary>Decodes a request or a reply.</summary>
    /// <param name="error">OFPBRC_BAD_VENDOR or OFPBRC_BAD_SUBTYPE if it is another vendor message.</param>
    public static bool TryDecode(ReadOnlySpan<byte> message, out bool isReply, out ControllerRole role, out OfError error)
    {
        isReply = false;
        role = ControllerRole.Other;
        if (!VendorMessage.TryDecode(message, out uint vendor, out ReadOnlySpan<byte> body, out error))
        {
            return false;
        }
        if (vendor != VendorMessage.Nicira)
        {
            error = OfError.BadRequestBadVendor;
            return false;
        }
        OfReader reader = new(body);
        uint subtype = reader.UInt32();
        if (reader.Failed || subtype is not (RequestSubtype or ReplySubtype))
        {
            error = reader.Failed ? OfError.BadRequestBadLength : OfError.BadRequestBadSubtype;
            return false;
        }
        isReply = subtype == ReplySubtype;
        role = (ControllerRole)reader.UInt32();
        return OfMessage.HasLength(message, Size, out error);
    }

    private static void Write(OfBuffer buffer, uint xid, uint subtype, ControllerRole role)
    {
        OfWriter writer = buffer.Message(OfType.Vendor, xid, Size);
        writer.UInt32(VendorMessage.Nicira);
        writer.UInt32(subtype);
        writer.UInt32((uint)role);
    }
}
