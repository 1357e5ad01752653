namespace Softswitch.OfAgent.Wire;

/// <summary>OFPT_HELLO (OpenFlow 1.0.0 §5.5.1). Version 1.0 gives it no body; later ones put elements there, among them a bitmap of versions.</summary>
/// <remarks>
/// <code>
/// 0        8      10       12
/// | header | type | length | content ... | zeros up to a multiple of 8 | next element ...
///
/// type 1: content is a bitmap in words of 32 bits; bit n of the first one stands for version n
/// </code>
/// </remarks>
internal static class HelloMessage
{
    private const int ElementHeaderSize = 4;
    private const int ElementAlignment = 8;
    private const ushort VersionBitmap = 1;

    public static void Write(OfBuffer buffer, uint xid) => buffer.Message(OfType.Hello, xid, OfHeader.Size);

    /// <summary>What the sender says that it speaks. Elements that make no sense are passed over, as unknown ones are.</summary>
    /// <param name="message">A HELLO, as framed.</param>
    public static OfVersions ReadVersions(ReadOnlySpan<byte> message)
    {
        OfReader reader = OfReader.Body(message);
        ReadOnlySpan<byte> rest = reader.Rest;
        while (rest.Length >= ElementHeaderSize)
        {
            OfReader element = new(rest);
            ushort type = element.UInt16();
            int length = element.UInt16();
            if (length < ElementHeaderSize || length > rest.Length)
            {
                break;
            }
            if (type == VersionBitmap && length >= ElementHeaderSize + sizeof(uint) && element.UInt32() is not 0 and uint bitmap)
            {
                return new OfVersions(bitmap);
            }
            rest = rest[Math.Min((length + ElementAlignment - 1) & -ElementAlignment, rest.Length)..];
        }
        return OfVersions.UpTo(message[0]);
    }
}
