using System.Buffers.Binary;
using System.Text;

namespace Softswitch.Ports.Pcap;

/// <summary>Reads what <see cref="PcapNgWriter"/> writes, block by block, while it is being written.</summary>
/// <remarks>Threads: one. Exceptions of the stream pass through.</remarks>
internal sealed class PcapNgReader(Stream stream)
{
    private const int LongestBlock = 1 << 20;
    private const int BlockHead = 8;

    private readonly List<string> _interfaces = [];
    private byte[] _buffer = new byte[1 << 18];
    private int _start;
    private int _length;
    private int _end;

    /// <summary>Type of the block read last.</summary>
    public uint Type { get; private set; }

    /// <summary>All of the block read last, as it stands in the file.</summary>
    public ReadOnlySpan<byte> Block => _buffer.AsSpan(_start, _length);

    /// <summary>Whether the next block may have to be waited for.</summary>
    public bool IsLast => _start + _length == _end;

    /// <summary>Reads the next block.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="PortException">It is no such file, or ends inside a block.</exception>
    public bool TryRead()
    {
        _start += _length;
        _length = 0;
        if (!Fill(BlockHead))
        {
            return _end == _start ? false : throw new PortException("the capture was cut off");
        }
        Type = Read32(0);
        uint length = Read32(sizeof(uint));
        if (length is < PcapNgFormat.BlockOverhead or > LongestBlock || (length & 3) != 0)
        {
            throw new PortException("this is no capture");
        }
        if (!Fill((int)length))
        {
            throw new PortException("the capture was cut off");
        }
        _length = (int)length;
        if (Type == PcapNgFormat.InterfaceDescription)
        {
            _interfaces.Add(Encoding.UTF8.GetString(FindOption(BlockHead + 8, PcapNgFormat.InterfaceName)));
        }
        return true;
    }

    /// <summary>The packet of an enhanced packet block.</summary>
    /// <exception cref="PortException">Its lengths contradict each other.</exception>
    public CapturedPacket ReadPacket()
    {
        int captured = _length < BlockHead + PcapNgFormat.EnhancedPacketHead ? -1 : (int)Read32(BlockHead + 12);
        int number = captured < 0 ? -1 : (int)Read32(BlockHead);
        const int data = BlockHead + PcapNgFormat.EnhancedPacketHead;
        if (captured < 0 || captured > _length - data - sizeof(uint) || (uint)number >= (uint)_interfaces.Count)
        {
            throw new PortException("a packet of the capture is damaged");
        }
        int options = data + ((captured + 3) & ~3);
        ReadOnlySpan<byte> flags = FindOption(options, PcapNgFormat.PacketFlags);
        return new CapturedPacket
        {
            Interface = _interfaces[number],
            Nanoseconds = (long)((ulong)Read32(BlockHead + 4) << 32 | Read32(BlockHead + 8)),
            Bytes = Block.Slice(data, captured),
            Length = (int)Read32(BlockHead + 16),
            IsOutbound = flags.Length >= sizeof(uint) && (BinaryPrimitives.ReadUInt32LittleEndian(flags) & PcapNgFormat.DirectionMask) == PcapNgFormat.Outbound,
            Comment = Encoding.UTF8.GetString(FindOption(options, PcapNgFormat.Comment)),
        };
    }

    /// <summary>Packets that an interface statistics block says were not captured.</summary>
    public long ReadDropped()
    {
        ReadOnlySpan<byte> value = FindOption(BlockHead + 12, PcapNgFormat.StatisticsDropped);
        return value.Length == sizeof(long) ? BinaryPrimitives.ReadInt64LittleEndian(value) : 0;
    }

    /// <summary>Has so many bytes of the next block at hand, if there are as many.</summary>
    private bool Fill(int count)
    {
        if (_start + count > _buffer.Length)
        {
            byte[] larger = count > _buffer.Length ? new byte[count] : _buffer;
            _buffer.AsSpan(_start, _end - _start).CopyTo(larger);
            (_buffer, _start, _end) = (larger, 0, _end - _start);
        }
        while (_end - _start < count)
        {
            int read = stream.Read(_buffer, _end, _buffer.Length - _end);
            if (read == 0)
            {
                return false;
            }
            _end += read;
        }
        return true;
    }

    private uint Read32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_buffer.AsSpan(_start + at));

    /// <summary>The value of the first option of that code; nothing without one.</summary>
    private ReadOnlySpan<byte> FindOption(int at, ushort code)
    {
        ReadOnlySpan<byte> block = Block;
        int end = _length - sizeof(uint);
        while (at + 4 <= end)
        {
            ushort found = BinaryPrimitives.ReadUInt16LittleEndian(block[at..]);
            int length = BinaryPrimitives.ReadUInt16LittleEndian(block[(at + 2)..]);
            at += 4;
            if (length > end - at)
            {
                break;
            }
            if (found == code)
            {
                return block.Slice(at, length);
            }
            at += (length + 3) & ~3;
        }
        return default;
    }
}

/// <summary>A packet of a capture. Its bytes are valid until the next block is read.</summary>
internal readonly ref struct CapturedPacket
{
    public required string Interface { get; init; }

    /// <summary>Since 1970.</summary>
    public required long Nanoseconds { get; init; }

    /// <summary>As much of it as was kept.</summary>
    public required ReadOnlySpan<byte> Bytes { get; init; }

    /// <summary>Of the whole.</summary>
    public required int Length { get; init; }

    public required bool IsOutbound { get; init; }

    /// <summary>Empty without one.</summary>
    public required string Comment { get; init; }
}
