namespace Softswitch.OfAgent.Wire;

/// <summary>What every message starts with: struct ofp_header (OpenFlow 1.0.0 §5.1). Host byte order.</summary>
/// <remarks>
/// <code>
/// 0         1      2        4       8
/// | version | type | length | xid   |
/// </code>
/// </remarks>
/// <param name="Length">Bytes of the whole message, header included.</param>
/// <param name="Xid">Transaction id; a reply carries that of its request.</param>
internal readonly record struct OfHeader(byte Version, OfType Type, ushort Length, uint Xid)
{
    /// <summary>Bytes of the header.</summary>
    public const int Size = 8;

    /// <summary>OFP_VERSION of OpenFlow 1.0.0.</summary>
    public const byte Version10 = 0x01;

    /// <summary>Longest message the length field can name.</summary>
    public const int MaxMessageLength = ushort.MaxValue;

    /// <returns>False if there are fewer bytes than a header has. Nothing else is judged here.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out OfHeader header)
    {
        if (bytes.Length < Size)
        {
            header = default;
            return false;
        }
        OfReader reader = new(bytes);
        header = new OfHeader(reader.UInt8(), (OfType)reader.UInt8(), reader.UInt16(), reader.UInt32());
        return true;
    }
}
