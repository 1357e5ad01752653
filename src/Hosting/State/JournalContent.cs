using System.Buffers.Binary;
using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Tables;

namespace Softswitch.Hosting.State;

/// <summary>What a journal says in the end: its records up to the first that cannot be believed.</summary>
/// <remarks>Entries stay in the file; what is kept here is where each of those in force stands. Threads: one at a time.</remarks>
internal sealed class JournalContent
{
    private const int StampSize = 8;

    private readonly string _path;
    private readonly Dictionary<(byte TableId, ulong Sequence), (long Position, int Size)> _entries = [];
    private readonly Dictionary<Guid, ClockReading> _clocks = []; // the last of each start of the machine
    private readonly FlowAction[] _actions = new FlowAction[ActionListMemory.MaxActions];

    private JournalContent(string path) => _path = path;

    /// <summary>Bytes that can be believed, and where they end.</summary>
    public long Length { get; private set; }

    public long FileLength { get; private set; }

    /// <summary>Of the last record.</summary>
    public uint Checksum { get; private set; }

    /// <summary>Whether there are whole records beyond: the file is damaged in the middle, not torn at its end.</summary>
    public bool HasRecordsBeyond { get; private set; }

    /// <summary>Entries that records beyond have added or changed, and not removed: as many as can be read there.</summary>
    public int LostEntryCount { get; private set; }

    /// <summary>Whether the file begins as one of its kind and version.</summary>
    public bool IsReadable { get; private set; }

    /// <summary>Whether it is one, but of another version.</summary>
    public bool IsOfAnotherVersion { get; private set; }

    public ulong? DatapathId { get; private set; }

    /// <summary>Numbers of ports by the names they were asked for by.</summary>
    public PortMemory Ports { get; } = new();

    public int EntryCount => _entries.Count;

    /// <summary>Bytes that a file of nothing but what is in force would have, nearly.</summary>
    public long LiveBytes { get; private set; } = JournalFile.HeaderSize;

    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public static JournalContent Read(string path)
    {
        JournalContent content = new(path);
        using JournalReader reader = new(path);
        content.FileLength = reader.FileLength;
        content.IsReadable = reader.IsOfThisVersion;
        content.IsOfAnotherVersion = reader.HasHeader && !reader.IsOfThisVersion;
        (content.Length, content.Checksum) = (reader.Position, reader.Checksum);
        for (long position = reader.Position; reader.TryRead(out ReadOnlySpan<byte> body) && content.TryTake(body, position); position = reader.Position)
        {
            (content.Length, content.Checksum) = (reader.Position, reader.Checksum);
        }
        content.CountLost(reader);
        return content;
    }

    /// <summary>Puts the entries into force, older by the time since they were written.</summary>
    /// <param name="control">Under its lock.</param>
    /// <param name="now">Of this machine.</param>
    /// <param name="gone">Takes table and sequence of each that is not in force: those that timed out, and those the table does not take.</param>
    /// <exception cref="IOException">The file cannot be read any more.</exception>
    public RestoreCount Restore(DatapathControl control, in ClockReading now, Action<byte, ulong> gone)
    {
        RestoreCount count = default;
        using JournalReader reader = new(_path);
        ClockReading clock = default;
        for (long position = reader.Position; position < Length && reader.TryRead(out ReadOnlySpan<byte> body, isKnown: true); position = reader.Position)
        {
            if (body[0] == (byte)JournalRecord.Clock)
            {
                clock = _clocks[ReadClock(body[1..]).Boot];
            }
            if (body[0] != (byte)JournalRecord.Put
                || !_entries.TryGetValue(FlowEntryCodec.ReadName(body[(1 + StampSize)..]), out (long Position, int) last) || last.Position != position
                || !FlowEntryCodec.TryRead(body[(1 + StampSize)..], _actions, out FlowStatistics entry, out _))
            {
                continue;
            }
            long away = now.Since(BinaryPrimitives.ReadInt64LittleEndian(body[1..]), clock);
            entry.Duration = TimeSpan.FromTicks(Math.Clamp(entry.Duration.Ticks, 0, long.MaxValue / 4) + Math.Min(away, long.MaxValue / 4));
            entry.Idle = TimeSpan.Zero; // no packet could come while the switch was away, and when the last one came before is not known
            bool isOver = entry.HardTimeoutSeconds != 0 && entry.Duration >= TimeSpan.FromSeconds(entry.HardTimeoutSeconds);
            ControlError error = isOver ? ControlError.None : control.Flows.Restore(entry);
            count = new RestoreCount(
                count.Restored + (isOver || error != ControlError.None ? 0 : 1), count.TimedOut + (isOver ? 1 : 0), count.Refused + (error != ControlError.None ? 1 : 0),
                count.Refused == 0 ? error : count.FirstError);
            if (isOver || error != ControlError.None)
            {
                gone(entry.TableId, entry.Sequence);
            }
        }
        return count;
    }

    /// <summary>Takes in what a record says.</summary>
    /// <returns>Whether it says anything: what cannot be understood was not written by us.</returns>
    private bool TryTake(ReadOnlySpan<byte> body, long position)
    {
        ReadOnlySpan<byte> rest = body[1..];
        switch ((JournalRecord)body[0])
        {
            case JournalRecord.Clock when rest.Length == 32:
                ClockReading clock = ReadClock(rest);
                _clocks[clock.Boot] = clock;
                return true;
            case JournalRecord.Put when _clocks.Count > 0 && rest.Length > StampSize:
                return TryPut(rest[StampSize..], position);
            case JournalRecord.Remove when rest.Length == 1 + sizeof(ulong):
                if (_entries.Remove((rest[0], BinaryPrimitives.ReadUInt64LittleEndian(rest[1..])), out (long, int Size) removed))
                {
                    LiveBytes -= removed.Size;
                }
                return true;
            case JournalRecord.Port when rest.Length is > sizeof(ushort) and <= sizeof(ushort) + JournalBuffer.MaxNameSize:
                Ports.Note(Encoding.UTF8.GetString(rest[sizeof(ushort)..]), BinaryPrimitives.ReadUInt16LittleEndian(rest));
                return true;
            case JournalRecord.DatapathId when rest.Length == sizeof(ulong):
                DatapathId = BinaryPrimitives.ReadUInt64LittleEndian(rest);
                return true;
            default:
                return false;
        }
    }

    private void CountLost(JournalReader reader)
    {
        HashSet<(byte TableId, ulong Sequence)> lost = [];
        while (reader.TrySkipDamage())
        {
            HasRecordsBeyond = true;
            while (reader.TryRead(out ReadOnlySpan<byte> body))
            {
                ReadOnlySpan<byte> rest = body[1..];
                if (body[0] == (byte)JournalRecord.Put && rest.Length > StampSize
                    && FlowEntryCodec.ReadSize(rest[StampSize..]) == rest.Length - StampSize)
                {
                    lost.Add(FlowEntryCodec.ReadName(rest[StampSize..]));
                }
                else if (body[0] == (byte)JournalRecord.Remove && rest.Length == 1 + sizeof(ulong))
                {
                    lost.Remove((rest[0], BinaryPrimitives.ReadUInt64LittleEndian(rest[1..])));
                }
            }
        }
        LostEntryCount = lost.Count;
    }

    private bool TryPut(ReadOnlySpan<byte> bytes, long position)
    {
        if (FlowEntryCodec.ReadSize(bytes) != bytes.Length)
        {
            return false;
        }
        ref (long Position, int Size) place = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_entries, FlowEntryCodec.ReadName(bytes), out _);
        int whole = JournalBuffer.HeadSize + 1 + StampSize + bytes.Length;
        LiveBytes += whole - place.Size;
        place = (position, whole);
        return true;
    }

    private static ClockReading ReadClock(ReadOnlySpan<byte> from) =>
        new(BinaryPrimitives.ReadInt64LittleEndian(from), BinaryPrimitives.ReadInt64LittleEndian(from[8..]), new Guid(from.Slice(16, 16)));
}

/// <summary>What became of entries that were to be restored.</summary>
/// <param name="FirstError">Of those that were refused.</param>
internal readonly record struct RestoreCount(int Restored, int TimedOut, int Refused, ControlError FirstError);
