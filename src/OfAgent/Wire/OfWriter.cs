using System.Buffers.Binary;
using System.Text.Unicode;
using Softswitch.Datapath.Headers;

namespace Softswitch.OfAgent.Wire;

/// <summary>Writes big-endian fields one after the other into memory that <see cref="OfBuffer"/> has sized and zeroed.</summary>
internal ref struct OfWriter
{
    private Span<byte> _rest;

    public OfWriter(Span<byte> bytes)
    {
        _rest = bytes;
    }

    public void UInt8(byte value)
    {
        _rest[0] = value;
        _rest = _rest[1..];
    }

    public void UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_rest, value);
        _rest = _rest[2..];
    }

    public void UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_rest, value);
        _rest = _rest[4..];
    }

    public void UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_rest, value);
        _rest = _rest[8..];
    }

    public void Mac(MacAddress value)
    {
        value.CopyTo(_rest);
        _rest = _rest[MacAddress.Size..];
    }

    /// <summary>Leaves zeros.</summary>
    public void Pad(int count) => _rest = _rest[count..];

    public void Bytes(scoped ReadOnlySpan<byte> value)
    {
        value.CopyTo(_rest);
        _rest = _rest[value.Length..];
    }

    /// <summary>A string in a field of fixed size, cut so that a NUL ends it. A cut never splits a character.</summary>
    public void Text(string value, int size)
    {
        Utf8.FromUtf16(value, _rest[..(size - 1)], out _, out _);
        _rest = _rest[size..];
    }
}
