using System.Buffers.Binary;
using System.Text;
using Softswitch.Datapath.Control;

namespace Softswitch.Hosting.State;

/// <summary>What a record of the journal says; its first byte.</summary>
internal enum JournalRecord : byte
{
    /// <summary>Both clocks (8 bytes each) and the start of the machine (16): stamps that follow are of this start.</summary>
    Clock = 1,

    /// <summary>A stamp (8) and an entry (<see cref="FlowEntryCodec"/>): it is in its table from now on.</summary>
    Put = 2,

    /// <summary>A table id (1) and an entry's sequence (8): it is in the table no more.</summary>
    Remove = 3,

    /// <summary>A port's number (2) and the name it is asked for by (UTF-8).</summary>
    Port = 4,

    /// <summary>The datapath id (8).</summary>
    DatapathId = 5,
}

/// <summary>Records, one behind the other, as they stand in the file but for their checksums.</summary>
/// <remarks>
/// <code>
/// 0        4          8      9
/// | length | checksum | kind | ...
/// </code>
/// Little-endian. The length is that of what follows the checksum. Memory grows up to a limit; what does not fit is refused. Threads: one at a time.
/// </remarks>
/// <param name="limit">Bytes.</param>
internal sealed class JournalBuffer(int limit)
{
    public const int HeadSize = 8;
    public const int MaxNameSize = 255;

    /// <summary>Bytes of the longest record behind its head.</summary>
    public const int MaxBodySize = 1 + StampSize + FlowEntryCodec.MaxSize;

    private const int StampSize = 8;
    private const int InitialSize = 64 << 10;

    private byte[] _bytes = new byte[Math.Min(limit, InitialSize)];

    public int Length { get; private set; }

    public Span<byte> Bytes => _bytes.AsSpan(0, Length);

    /// <summary>Forgets all; memory that a burst took is given back.</summary>
    public void Clear()
    {
        Length = 0;
        if (_bytes.Length > 16 * InitialSize)
        {
            _bytes = new byte[InitialSize];
        }
    }

    /// <returns>Whether there was room; as of the others.</returns>
    public bool Put(long stamp, in FlowStatistics entry)
    {
        Span<byte> body = Append(JournalRecord.Put, StampSize + FlowEntryCodec.SizeOf(entry));
        if (body.IsEmpty)
        {
            return false;
        }
        BinaryPrimitives.WriteInt64LittleEndian(body, stamp);
        FlowEntryCodec.Write(entry, body[StampSize..]);
        return true;
    }

    public bool Remove(byte tableId, ulong sequence)
    {
        Span<byte> body = Append(JournalRecord.Remove, 1 + sizeof(ulong));
        if (body.IsEmpty)
        {
            return false;
        }
        body[0] = tableId;
        BinaryPrimitives.WriteUInt64LittleEndian(body[1..], sequence);
        return true;
    }

    /// <param name="name">At most <see cref="MaxNameSize"/> bytes.</param>
    public bool Port(ushort number, string name)
    {
        Span<byte> body = Append(JournalRecord.Port, sizeof(ushort) + Encoding.UTF8.GetByteCount(name));
        if (body.IsEmpty)
        {
            return false;
        }
        BinaryPrimitives.WriteUInt16LittleEndian(body, number);
        Encoding.UTF8.GetBytes(name, body[sizeof(ushort)..]);
        return true;
    }

    public bool DatapathId(ulong id)
    {
        Span<byte> body = Append(JournalRecord.DatapathId, sizeof(ulong));
        return !body.IsEmpty && BinaryPrimitives.TryWriteUInt64LittleEndian(body, id);
    }

    public bool Clock(in ClockReading clock)
    {
        Span<byte> body = Append(JournalRecord.Clock, (2 * sizeof(long)) + 16);
        if (body.IsEmpty)
        {
            return false;
        }
        BinaryPrimitives.WriteInt64LittleEndian(body, clock.Monotonic);
        BinaryPrimitives.WriteInt64LittleEndian(body[8..], clock.Wall);
        return clock.Boot.TryWriteBytes(body[16..]);
    }

    /// <summary>Room for one more record's contents; none if the limit is reached.</summary>
    private Span<byte> Append(JournalRecord kind, int size)
    {
        int whole = HeadSize + 1 + size;
        if (whole > limit - Length)
        {
            return [];
        }
        if (Length + whole > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min(limit, Math.Max(2L * _bytes.Length, Length + whole)));
        }
        Span<byte> record = _bytes.AsSpan(Length, whole);
        BinaryPrimitives.WriteInt32LittleEndian(record, 1 + size);
        record[HeadSize] = (byte)kind;
        Length += whole;
        return record[(HeadSize + 1)..];
    }
}
