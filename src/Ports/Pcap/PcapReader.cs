using System.Buffers.Binary;

namespace Softswitch.Ports.Pcap;

/// <summary>Reads the frames of a capture file in order: pcap of either byte order, with micro- or nanoseconds, Ethernet.</summary>
/// <remarks>Threads: one. What is wrong with a file is said with its name and the offset.</remarks>
internal sealed class PcapReader : IDisposable
{
    private readonly string _path;
    private readonly Stream _stream;
    private readonly bool _bigEndian;
    private readonly int _maxLength;
    private readonly byte[] _head = new byte[PcapFormat.RecordHeaderLength];
    private byte[] _frame = new byte[2048];
    private long _offset = PcapFormat.FileHeaderLength;

    private PcapReader(string path, Stream stream, bool bigEndian, bool nanoseconds, int maxLength)
    {
        _path = path;
        _stream = stream;
        _bigEndian = bigEndian;
        HasNanoseconds = nanoseconds;
        _maxLength = maxLength;
    }

    /// <summary>Whether the file's time stamps count nanoseconds; else microseconds.</summary>
    public bool HasNanoseconds { get; }

    /// <summary>When the frame read last was captured, in nanoseconds since 1970.</summary>
    public long TimestampNanoseconds { get; private set; }

    /// <summary>Frames so far that were longer on the wire than in the file.</summary>
    public long CutFrames { get; private set; }

    /// <param name="path">The file.</param>
    /// <param name="maxLength">Longest frame accepted, in bytes.</param>
    /// <exception cref="PortException">It cannot be read or is no Ethernet capture.</exception>
    public static PcapReader Open(string path, int maxLength)
    {
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 20);
            return Open(path, stream, maxLength);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            stream?.Dispose();
            throw new PortException($"{path}: {e.Message}", e);
        }
        catch
        {
            stream?.Dispose();
            throw;
        }
    }

    /// <summary>Reads the next frame.</summary>
    /// <param name="frame">Its bytes, valid until the next call.</param>
    /// <returns>False at the end of the file.</returns>
    /// <exception cref="PortException">The file ends inside a record, or a length cannot be.</exception>
    public bool TryRead(out ReadOnlySpan<byte> frame)
    {
        frame = default;
        int got = Fill(_head);
        if (got == 0)
        {
            return false;
        }
        if (got < _head.Length)
        {
            throw Damaged(_offset, $"the file ends inside a record's head, after {got} of {_head.Length} bytes");
        }
        uint captured = Read32(8);
        uint length = Read32(12);
        if (captured > _maxLength)
        {
            throw Damaged(_offset + 8, $"a record of {captured} bytes; the longest frame is {_maxLength}");
        }
        if (captured > _frame.Length)
        {
            _frame = new byte[captured];
        }
        got = Fill(_frame.AsSpan(0, (int)captured));
        if (got < captured)
        {
            throw Damaged(_offset + PcapFormat.RecordHeaderLength, $"the file ends inside a frame, after {got} of {captured} bytes");
        }
        _offset += PcapFormat.RecordHeaderLength + captured;
        CutFrames += length > captured ? 1 : 0;
        TimestampNanoseconds = (Read32(0) * 1_000_000_000L) + (Read32(4) * (HasNanoseconds ? 1L : 1000L));
        frame = _frame.AsSpan(0, (int)captured);
        return true;
    }

    public void Dispose() => _stream.Dispose();

    private static PcapReader Open(string path, Stream stream, int maxLength)
    {
        Span<byte> head = stackalloc byte[PcapFormat.FileHeaderLength];
        int got = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        uint magic = got >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(head) : 0;
        if (magic == PcapFormat.MagicPcapNg)
        {
            throw Damaged(path, 0, "this is a pcapng file; 'editcap -F pcap' or 'tcpdump -r FILE -w NEW' makes a pcap file of it");
        }
        bool bigEndian = magic is not (PcapFormat.MagicMicroseconds or PcapFormat.MagicNanoseconds);
        magic = bigEndian ? BinaryPrimitives.ReverseEndianness(magic) : magic;
        if (magic is not (PcapFormat.MagicMicroseconds or PcapFormat.MagicNanoseconds))
        {
            throw Damaged(path, 0, "not a capture file (no pcap magic number)");
        }
        if (got < head.Length)
        {
            throw Damaged(path, 0, $"the file ends inside its head, after {got} of {head.Length} bytes");
        }
        uint linkType = (bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(head[20..]) : BinaryPrimitives.ReadUInt32LittleEndian(head[20..]))
            & PcapFormat.LinkTypeMask;
        if (linkType != PcapFormat.LinkTypeEthernet)
        {
            throw Damaged(path, 20, $"link type {linkType}; only Ethernet (1) can be switched");
        }
        return new PcapReader(path, stream, bigEndian, magic == PcapFormat.MagicNanoseconds, maxLength);
    }

    private uint Read32(int at) => _bigEndian
        ? BinaryPrimitives.ReadUInt32BigEndian(_head.AsSpan(at))
        : BinaryPrimitives.ReadUInt32LittleEndian(_head.AsSpan(at));

    private int Fill(Span<byte> buffer)
    {
        try
        {
            return _stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }
        catch (IOException e)
        {
            throw new PortException($"{_path}: at offset {_offset}: {e.Message}", e);
        }
    }

    private PortException Damaged(long offset, string reason) => Damaged(_path, offset, reason);

    private static PortException Damaged(string path, long offset, string reason) => new($"{path}: at offset {offset}: {reason}");
}
