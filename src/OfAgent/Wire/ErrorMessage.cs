namespace Softswitch.OfAgent.Wire;

/// <summary>OFPT_ERROR (OpenFlow 1.0.0 §5.4.4).</summary>
/// <remarks>
/// <code>
/// 0        8      10     12
/// | header | type | code | data ...   the offending message's head, or text for OFPET_HELLO_FAILED
/// </code>
/// </remarks>
internal static class ErrorMessage
{
    public const int HeaderSize = 12;

    /// <summary>How much of the offending message we send back. The specification asks for at least 64 bytes.</summary>
    public const int OffenderBytes = 64;

    /// <param name="data">The offending message, cut here to <see cref="OffenderBytes"/>; or the text of a hello failure.</param>
    public static void Write(OfBuffer buffer, uint xid, OfError error, ReadOnlySpan<byte> data)
    {
        if (error.Type != OfErrorType.HelloFailed)
        {
            data = data[..Math.Min(data.Length, OffenderBytes)];
        }
        OfWriter writer = buffer.Message(OfType.Error, xid, HeaderSize + data.Length);
        writer.UInt16((ushort)error.Type);
        writer.UInt16(error.Code);
        writer.Bytes(data);
    }

    public static bool TryDecode(ReadOnlySpan<byte> message, out OfError reported, out ReadOnlySpan<byte> data, out OfError error)
    {
        reported = default;
        data = default;
        if (!OfMessage.HasAtLeast(message, HeaderSize, out error))
        {
            return false;
        }
        OfReader reader = OfReader.Body(message);
        reported = new OfError((OfErrorType)reader.UInt16(), reader.UInt16());
        data = reader.Rest;
        return true;
    }
}
