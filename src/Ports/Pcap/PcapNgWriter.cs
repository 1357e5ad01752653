using System.Buffers.Binary;
using System.Text;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Pcap;

/// <summary>Writes one section of a pcapng file: little-endian, Ethernet, nanoseconds.</summary>
/// <remarks>Threads: one. Blocks are gathered; <see cref="Flush"/> gives them to the stream, whose exceptions pass through.</remarks>
internal sealed class PcapNgWriter
{
    // Longer texts are cut: what is written has a bound.
    private const int LongestText = 1024;
    private const int LongestBlock = Packet.MaxLength + (4 * LongestText);

    private readonly Stream _stream;
    private readonly byte[] _buffer = new byte[4 * LongestBlock];
    private int _count;
    private int _block;
    private int _interfaces;

    /// <param name="stream">Where to; stays the caller's.</param>
    /// <param name="application">Who writes.</param>
    public PcapNgWriter(Stream stream, string application)
    {
        _stream = stream;
        BeginBlock(PcapNgFormat.SectionHeader);
        Write32(PcapNgFormat.ByteOrderMagic);
        Write16(1); // version 1.0
        Write16(0);
        Write32(uint.MaxValue); // of unknown length
        Write32(uint.MaxValue);
        WriteOption(PcapNgFormat.SectionApplication, application);
        EndBlock();
    }

    /// <summary>Adds an interface.</summary>
    /// <param name="snapLength">Most bytes of a packet.</param>
    /// <param name="filter">What packets were chosen by; null for all.</param>
    /// <returns>Its number, for its packets.</returns>
    public int AddInterface(string name, string text, MacAddress address, int snapLength, string? filter)
    {
        BeginBlock(PcapNgFormat.InterfaceDescription);
        Write16((ushort)PcapFormat.LinkTypeEthernet);
        Write16(0);
        Write32((uint)snapLength);
        WriteOption(PcapNgFormat.InterfaceName, name);
        WriteOption(PcapNgFormat.InterfaceText, text);
        Span<byte> bytes = stackalloc byte[MacAddress.Size];
        address.CopyTo(bytes);
        WriteOption(PcapNgFormat.InterfaceAddress, bytes);
        WriteOption(PcapNgFormat.InterfaceResolution, [PcapNgFormat.Nanoseconds]);
        if (filter != null)
        {
            Span<byte> value = stackalloc byte[1 + LongestText];
            value[0] = 0; // as text
            WriteOption(PcapNgFormat.InterfaceFilter, value[..(1 + Encode(filter, value[1..]))]);
        }
        EndBlock();
        return _interfaces++;
    }

    /// <summary>Adds a packet.</summary>
    /// <param name="bytes">As much of it as is kept; at most <see cref="Packet.MaxLength"/>.</param>
    /// <param name="length">Of the whole.</param>
    /// <param name="nanoseconds">Since 1970.</param>
    /// <param name="comment">What there is to say of it; null for nothing.</param>
    public void AddPacket(int number, ReadOnlySpan<byte> bytes, int length, long nanoseconds, bool isOutbound, string? comment)
    {
        BeginBlock(PcapNgFormat.EnhancedPacket);
        Write32((uint)number);
        WriteTime(nanoseconds);
        Write32((uint)bytes.Length);
        Write32((uint)length);
        WritePadded(bytes);
        Span<byte> flags = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(flags, isOutbound ? PcapNgFormat.Outbound : PcapNgFormat.Inbound);
        WriteOption(PcapNgFormat.PacketFlags, flags);
        if (comment != null)
        {
            WriteOption(PcapNgFormat.Comment, comment);
        }
        EndBlock();
    }

    /// <summary>Says how an interface's capture ended.</summary>
    /// <param name="received">Packets that were to be captured.</param>
    /// <param name="dropped">Those of them that were not.</param>
    public void AddStatistics(int number, long nanoseconds, long received, long dropped)
    {
        BeginBlock(PcapNgFormat.InterfaceStatistics);
        Write32((uint)number);
        WriteTime(nanoseconds);
        Span<byte> value = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(value, received);
        WriteOption(PcapNgFormat.StatisticsReceived, value);
        BinaryPrimitives.WriteInt64LittleEndian(value, dropped);
        WriteOption(PcapNgFormat.StatisticsDropped, value);
        EndBlock();
    }

    /// <summary>Everything so far goes to the stream.</summary>
    public void Flush()
    {
        if (_count > 0)
        {
            _stream.Write(_buffer, 0, _count);
            _stream.Flush();
            _count = 0;
        }
    }

    private void BeginBlock(uint type)
    {
        if (_buffer.Length - _count < LongestBlock)
        {
            Flush();
        }
        _block = _count;
        Write32(type);
        Write32(0); // the length, when it is known
    }

    private void EndBlock()
    {
        Write32(0); // opt_endofopt
        int length = _count + sizeof(uint) - _block;
        Write32((uint)length);
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_block + sizeof(uint)), length);
    }

    private void WriteOption(ushort code, string text)
    {
        Span<byte> value = stackalloc byte[LongestText];
        WriteOption(code, value[..Encode(text, value)]);
    }

    private void WriteOption(ushort code, ReadOnlySpan<byte> value)
    {
        Write16(code);
        Write16((ushort)value.Length);
        WritePadded(value);
    }

    private static int Encode(string text, Span<byte> bytes)
    {
        Encoding.UTF8.TryGetBytes(text.Length > LongestText / 3 ? text.AsSpan(0, LongestText / 3) : text, bytes, out int count);
        return count;
    }

    private void WriteTime(long nanoseconds)
    {
        Write32((uint)(nanoseconds >> 32));
        Write32((uint)nanoseconds);
    }

    private void WritePadded(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_buffer.AsSpan(_count));
        _count += bytes.Length;
        for (; (_count & 3) != 0; _count++)
        {
            _buffer[_count] = 0;
        }
    }

    private void Write16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_count), value);
        _count += sizeof(ushort);
    }

    private void Write32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(_count), value);
        _count += sizeof(uint);
    }
}
