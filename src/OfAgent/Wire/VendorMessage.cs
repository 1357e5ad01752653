namespace Softswitch.OfAgent.Wire;

/// <summary>OFPT_VENDOR (OpenFlow 1.0.0 §5.5.4).</summary>
internal static class VendorMessage
{
    public const int HeaderSize = 12;

    /// <summary>NX_VENDOR_ID: Nicira's extensions, which most controllers in the field know.</summary>
    public const uint Nicira = 0x0000_2320;

    public static void Write(OfBuffer buffer, uint xid, uint vendor, ReadOnlySpan<byte> body)
    {
        OfWriter writer = buffer.Message(OfType.Vendor, xid, HeaderSize + body.Length);
        writer.UInt32(vendor);
        writer.Bytes(body);
    }

    public static bool TryDecode(ReadOnlySpan<byte> message, out uint vendor, out ReadOnlySpan<byte> body, out OfError error)
    {
        vendor = 0;
        body = default;
        if (!OfMessage.HasAtLeast(message, HeaderSize, out error))
        {
            return false;
        }
        OfReader reader = OfReader.Body(message);
        vendor = reader.UInt32();
        body = reader.Rest;
        return true;
    }
}
