using System.Buffers.Binary;

namespace Softswitch.Datapath.Headers;

/// <summary>A 32-bit value exactly as it stands on the wire (network byte order).</summary>
internal readonly record struct Be32(uint Raw)
{
    public static Be32 FromHost(uint value) => new(Swap(value));

    public uint Host => Swap(Raw);

    public override string ToString() => $"0x{Host:x8}";

    private static uint Swap(uint value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;
}
