namespace Softswitch.OfAgent.Wire;

/// <summary>OFPT_ECHO_REQUEST and OFPT_ECHO_REPLY (OpenFlow 1.0.0 §5.5.2, §5.5.3). The body is the peer's own; a reply returns it.</summary>
internal static class EchoMessage
{
    public static void WriteRequest(OfBuffer buffer, uint xid, ReadOnlySpan<byte> body = default) =>
        buffer.Message(OfType.EchoRequest, xid, OfHeader.Size + body.Length).Bytes(body);

    public static void WriteReply(OfBuffer buffer, uint xid, ReadOnlySpan<byte> body) =>
        buffer.Message(OfType.EchoReply, xid, OfHeader.Size + body.Length).Bytes(body);

    /// <param name="message">A request or a reply, as framed.</param>
    public static ReadOnlySpan<byte> BodyOf(ReadOnlySpan<byte> message) => message[OfHeader.Size..];
}
