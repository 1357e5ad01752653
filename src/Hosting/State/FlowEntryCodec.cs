using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Tables;

namespace Softswitch.Hosting.State;

/// <summary>A flow entry as bytes, with all that <see cref="FlowModProcessor.Restore"/> brings back.</summary>
/// <remarks>
/// <code>
/// 0         2       4          6      8      10      12      52       60         68         76     84        92      100
/// | actions | table | priority | idle | hard | flags | match | cookie | sequence | duration | idle | packets | bytes | actions, 16 bytes each
/// </code>
/// Little-endian; timeouts in seconds, duration and time idle in ticks of 100 ns as of when it was written. The match is struct ofp_match without padding
/// before dl_type, an action as in memory: kind, port, value, MAC address. The journal has their <see cref="Version"/> in its head; that of the hand-over's protocol
/// is raised with it.
/// Threads: any.
/// </remarks>
internal static class FlowEntryCodec
{
    /// <summary>Of this layout.</summary>
    public const byte Version = 1;

    /// <summary>Bytes of the longest entry.</summary>
    public const int MaxSize = FixedSize + (ActionListMemory.MaxActions * ActionSize);

    /// <summary>Bytes that <see cref="WriteCounts"/> takes.</summary>
    public const int CountsSize = FixedSize - CountsOffset;

    private const int FixedSize = 100;
    private const int CountsOffset = 60;
    private const int MatchOffset = 12;
    private const int ProtocolOffset = 24; // in the match; a word
    private const int ActionSize = 16;

    /// <summary>Bytes that <see cref="Write"/> takes.</summary>
    public static int SizeOf(in FlowStatistics entry) => FixedSize + (entry.Actions.Length * ActionSize);

    /// <param name="entry">With at most <see cref="ActionListMemory.MaxActions"/> actions.</param>
    /// <param name="to">At least <see cref="SizeOf"/> bytes.</param>
    /// <returns>Bytes written.</returns>
    public static int Write(in FlowStatistics entry, Span<byte> to)
    {
        int size = SizeOf(entry);
        to = to[..size];
        BinaryPrimitives.WriteUInt16LittleEndian(to, (ushort)entry.Actions.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(to[2..], entry.TableId);
        BinaryPrimitives.WriteUInt16LittleEndian(to[4..], entry.Priority);
        BinaryPrimitives.WriteUInt16LittleEndian(to[6..], entry.IdleTimeoutSeconds);
        BinaryPrimitives.WriteUInt16LittleEndian(to[8..], entry.HardTimeoutSeconds);
        BinaryPrimitives.WriteUInt16LittleEndian(to[10..], (ushort)entry.Flags);
        WriteMatch(entry.Match, to[MatchOffset..]);
        BinaryPrimitives.WriteUInt64LittleEndian(to[52..], entry.Cookie);
        WriteCounts(entry, to[CountsOffset..]);
        Span<byte> place = to[FixedSize..];
        foreach (ref readonly FlowAction action in entry.Actions)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(place, (ushort)action.Kind);
            BinaryPrimitives.WriteUInt16LittleEndian(place[2..], action.Port);
            BinaryPrimitives.WriteUInt32LittleEndian(place[4..], action.Value);
            action.Mac.CopyTo(place[8..]);
            place[14..ActionSize].Clear();
            place = place[ActionSize..];
        }
        return size;
    }

    /// <summary>Writes the part of an entry that packets and time change, as it stands in the whole: from sequence to bytes.</summary>
    public static void WriteCounts(in FlowStatistics entry, Span<byte> to)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(to, entry.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], entry.Duration.Ticks);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], entry.Idle.Ticks);
        BinaryPrimitives.WriteUInt64LittleEndian(to[24..], entry.PacketCount);
        BinaryPrimitives.WriteUInt64LittleEndian(to[32..], entry.ByteCount);
    }

    /// <summary>What <see cref="WriteCounts"/> wrote; the other members are 0.</summary>
    public static FlowStatistics ReadCounts(ReadOnlySpan<byte> from) => new()
    {
        Sequence = BinaryPrimitives.ReadUInt64LittleEndian(from),
        Duration = TimeSpan.FromTicks(BinaryPrimitives.ReadInt64LittleEndian(from[8..])),
        Idle = TimeSpan.FromTicks(BinaryPrimitives.ReadInt64LittleEndian(from[16..])),
        PacketCount = BinaryPrimitives.ReadUInt64LittleEndian(from[24..]),
        ByteCount = BinaryPrimitives.ReadUInt64LittleEndian(from[32..]),
    };

    /// <summary>Reads one entry from the start of some bytes; false if there is none that could have been written.</summary>
    /// <param name="actions">Takes the entry's actions, which refer to it: at least <see cref="ActionListMemory.MaxActions"/>.</param>
    /// <param name="size">Bytes of it.</param>
    public static bool TryRead(ReadOnlySpan<byte> from, FlowAction[] actions, out FlowStatistics entry, out int size)
    {
        entry = default;
        size = 0;
        if (from.Length < FixedSize)
        {
            return false;
        }
        int count = BinaryPrimitives.ReadUInt16LittleEndian(from);
        size = FixedSize + (count * ActionSize);
        if (count > ActionListMemory.MaxActions || from.Length < size || from[3] != 0 || from.Slice(MatchOffset + ProtocolOffset + 1, 3).ContainsAnyExcept((byte)0))
        {
            return false;
        }
        for (int i = 0; i < count; i++)
        {
            if (!TryReadAction(from[(FixedSize + (i * ActionSize))..], out actions[i]))
            {
                return false;
            }
        }
        entry = ReadCounts(from[CountsOffset..]);
        entry.TableId = from[2];
        entry.Match = ReadMatch(from[MatchOffset..]);
        entry.Priority = BinaryPrimitives.ReadUInt16LittleEndian(from[4..]);
        entry.IdleTimeoutSeconds = BinaryPrimitives.ReadUInt16LittleEndian(from[6..]);
        entry.HardTimeoutSeconds = BinaryPrimitives.ReadUInt16LittleEndian(from[8..]);
        entry.Flags = (FlowModFlags)BinaryPrimitives.ReadUInt16LittleEndian(from[10..]);
        entry.Cookie = BinaryPrimitives.ReadUInt64LittleEndian(from[52..]);
        entry.Actions = actions.AsSpan(0, count);
        return true;
    }

    /// <summary>Bytes of the entry that stands at the start of some; 0 if they are too few to tell.</summary>
    public static int ReadSize(ReadOnlySpan<byte> from) => from.Length < FixedSize ? 0 : FixedSize + (BinaryPrimitives.ReadUInt16LittleEndian(from) * ActionSize);

    /// <summary>An entry's table and number, of bytes that hold one.</summary>
    public static (byte TableId, ulong Sequence) ReadName(ReadOnlySpan<byte> from) => (from[2], BinaryPrimitives.ReadUInt64LittleEndian(from[CountsOffset..]));

    private static void WriteMatch(in FlowMatch match, Span<byte> to)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, (uint)match.Wildcards);
        BinaryPrimitives.WriteUInt16LittleEndian(to[4..], match.InPort);
        match.DlSrc.CopyTo(to[6..]);
        match.DlDst.CopyTo(to[12..]);
        BinaryPrimitives.WriteUInt16LittleEndian(to[18..], match.DlVlan);
        BinaryPrimitives.WriteUInt16LittleEndian(to[20..], match.DlType);
        to[22] = match.DlVlanPcp;
        to[23] = match.NwTos;
        BinaryPrimitives.WriteUInt32LittleEndian(to[ProtocolOffset..], match.NwProto);
        BinaryPrimitives.WriteUInt32LittleEndian(to[28..], match.NwSrc);
        BinaryPrimitives.WriteUInt32LittleEndian(to[32..], match.NwDst);
        BinaryPrimitives.WriteUInt16LittleEndian(to[36..], match.TpSrc);
        BinaryPrimitives.WriteUInt16LittleEndian(to[38..], match.TpDst);
    }

    private static FlowMatch ReadMatch(ReadOnlySpan<byte> from) => new()
    {
        Wildcards = (FlowWildcards)BinaryPrimitives.ReadUInt32LittleEndian(from),
        InPort = BinaryPrimitives.ReadUInt16LittleEndian(from[4..]),
        DlSrc = new MacAddress(from[6..]),
        DlDst = new MacAddress(from[12..]),
        DlVlan = BinaryPrimitives.ReadUInt16LittleEndian(from[18..]),
        DlType = BinaryPrimitives.ReadUInt16LittleEndian(from[20..]),
        DlVlanPcp = from[22],
        NwTos = from[23],
        NwProto = from[ProtocolOffset],
        NwSrc = BinaryPrimitives.ReadUInt32LittleEndian(from[28..]),
        NwDst = BinaryPrimitives.ReadUInt32LittleEndian(from[32..]),
        TpSrc = BinaryPrimitives.ReadUInt16LittleEndian(from[36..]),
        TpDst = BinaryPrimitives.ReadUInt16LittleEndian(from[38..]),
    };

    // By the constructors of each kind, and only if nothing is lost by it: equal actions stay equal bytes.
    private static bool TryReadAction(ReadOnlySpan<byte> from, out FlowAction action)
    {
        ushort port = BinaryPrimitives.ReadUInt16LittleEndian(from[2..]);
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(from[4..]);
        MacAddress mac = new MacAddress(from[8..]);
        FlowAction? read = (ActionKind)BinaryPrimitives.ReadUInt16LittleEndian(from) switch
        {
            ActionKind.Output => FlowAction.Output(port, (ushort)value),
            ActionKind.SetVlanVid => FlowAction.SetVlanVid((ushort)value),
            ActionKind.SetVlanPcp => FlowAction.SetVlanPcp((byte)value),
            ActionKind.StripVlan => FlowAction.StripVlan(),
            ActionKind.SetDlSrc => FlowAction.SetDlSrc(mac),
            ActionKind.SetDlDst => FlowAction.SetDlDst(mac),
            ActionKind.SetNwSrc => FlowAction.SetNwSrc(value),
            ActionKind.SetNwDst => FlowAction.SetNwDst(value),
            ActionKind.SetNwTos => FlowAction.SetNwTos((byte)value),
            ActionKind.SetTpSrc => FlowAction.SetTpSrc((ushort)value),
            ActionKind.SetTpDst => FlowAction.SetTpDst((ushort)value),
            ActionKind.Enqueue => FlowAction.Enqueue(port, value),
            ActionKind.SetTunnel => FlowAction.SetTunnel(value),
            ActionKind.SetTunnelDestination => FlowAction.SetTunnelDestination(value),
            _ => null,
        };
        action = read ?? default;
        return read is { } one && one.Port == port && one.Value == value && one.Mac == mac && from[14] == 0 && from[15] == 0;
    }
}
