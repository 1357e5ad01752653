using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Headers;

/// <summary>An Ethernet address: six bytes in the order they stand on the wire.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 2, Size = Size)]
public readonly record struct MacAddress
{
    /// <summary>Bytes of an Ethernet address.</summary>
    public const int Size = 6;

    private readonly Be16 _first;
    private readonly Be16 _second;
    private readonly Be16 _third;

    /// <summary>From the 48-bit number whose most significant byte goes first on the wire.</summary>
    public MacAddress(ulong value)
    {
        _first = Be16.FromHost((ushort)(value >> 32));
        _second = Be16.FromHost((ushort)(value >> 16));
        _third = Be16.FromHost((ushort)value);
    }

    /// <summary>From the first six bytes of <paramref name="bytes"/>, in wire order.</summary>
    public MacAddress(ReadOnlySpan<byte> bytes)
        : this(((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]))
    {
    }

    /// <summary>ff:ff:ff:ff:ff:ff.</summary>
    public static MacAddress Broadcast => new(0xffff_ffff_ffff);

    /// <summary>Where 802.1D bridges send their spanning tree frames.</summary>
    public static MacAddress BridgeGroup => new(0x0180_c200_0000);

    /// <summary>The address as a 48-bit number, first wire byte most significant.</summary>
    public ulong Value => ((ulong)_first.Host << 32) | ((ulong)_second.Host << 16) | _third.Host;

    /// <summary>Whether it is for a group, broadcast included.</summary>
    public bool IsMulticast => (_first.Host & 0x0100) != 0;

    /// <summary>Writes its six bytes in wire order.</summary>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination, _first.Host);
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], _second.Host);
        BinaryPrimitives.WriteUInt16BigEndian(destination[4..], _third.Host);
    }

    /// <summary>Parses six two-digit hexadecimal bytes separated by colons.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out MacAddress address)
    {
        address = default;
        ulong value = 0;
        if (text.Length != 17)
        {
            return false;
        }
        for (int i = 0; i < 6; i++)
        {
            if (i > 0 && text[(3 * i) - 1] != ':')
            {
                return false;
            }
            if (!byte.TryParse(text.Slice(3 * i, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b))
            {
                return false;
            }
            value = (value << 8) | b;
        }
        address = new MacAddress(value);
        return true;
    }

    /// <returns>As <see cref="TryParse"/> reads it.</returns>
    public override string ToString()
    {
        ulong v = Value;
        return $"{(byte)(v >> 40):x2}:{(byte)(v >> 32):x2}:{(byte)(v >> 24):x2}:{(byte)(v >> 16):x2}:{(byte)(v >> 8):x2}:{(byte)v:x2}";
    }
}
