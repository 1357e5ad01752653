using System.Buffers.Binary;

namespace Softswitch.Datapath.Headers;

/// <summary>A 16-bit value exactly as it stands on the wire (network byte order).</summary>
/// <remarks>There is no implicit conversion: a forgotten swap must not compile.</remarks>
internal readonly record struct Be16(ushort Raw)
{
    public static Be16 FromHost(ushort value) => new(Swap(value));

    public ushort Host => Swap(Raw);

    public override string ToString() => $"0x{Host:x4}";

    private static ushort Swap(ushort value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;
}
