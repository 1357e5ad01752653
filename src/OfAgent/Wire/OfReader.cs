using System.Buffers.Binary;
using System.Text;
using Softswitch.Datapath.Headers;

namespace Softswitch.OfAgent.Wire;

/// <summary>Reads big-endian fields one after the other. Reading past the end yields zeros and sets <see cref="Failed"/>; nothing throws.</summary>
internal ref struct OfReader
{
    private ReadOnlySpan<byte> _rest;

    public OfReader(ReadOnlySpan<byte> bytes)
    {
        _rest = bytes;
    }

    /// <summary>A reader of a message's body.</summary>
    public static OfReader Body(ReadOnlySpan<byte> message) => new(message.Length < OfHeader.Size ? default : message[OfHeader.Size..]);

    /// <summary>Whether something was read that was not there.</summary>
    public bool Failed { get; private set; }

    /// <summary>What has not been read yet.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    public byte UInt8() => Take(1, out ReadOnlySpan<byte> b) ? b[0] : (byte)0;

    public ushort UInt16() => Take(2, out ReadOnlySpan<byte> b) ? BinaryPrimitives.ReadUInt16BigEndian(b) : (ushort)0;

    public uint UInt32() => Take(4, out ReadOnlySpan<byte> b) ? BinaryPrimitives.ReadUInt32BigEndian(b) : 0;

    public ulong UInt64() => Take(8, out ReadOnlySpan<byte> b) ? BinaryPrimitives.ReadUInt64BigEndian(b) : 0;

    public MacAddress Mac() => Take(MacAddress.Size, out ReadOnlySpan<byte> b) ? new MacAddress(b) : default;

    public void Skip(int count) => Take(count, out _);

    public ReadOnlySpan<byte> Bytes(int count)
    {
        Take(count, out ReadOnlySpan<byte> bytes);
        return bytes;
    }

    /// <summary>A string in a field of fixed size, ended by NUL or the field's end. Bytes that are no UTF-8 become U+FFFD.</summary>
    public string Text(int size)
    {
        Take(size, out ReadOnlySpan<byte> field);
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    private bool Take(int count, out ReadOnlySpan<byte> bytes)
    {
        if (count > _rest.Length)
        {
            bytes = default;
            _rest = default;
            Failed = true;
            return false;
        }
        bytes = _rest[..count];
        _rest = _rest[count..];
        return true;
    }
}
