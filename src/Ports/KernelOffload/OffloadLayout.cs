using System.Runtime.InteropServices;
using Softswitch.Datapath.Flows;

namespace Softswitch.Ports.KernelOffload;

/// <summary>How the memory is laid out that the program in the kernel and the switch share.</summary>
/// <remarks>
/// <code>
/// state    a line for each processor | head | mask tables 0 and 1 | ports | counts of each port by processor
/// entries  chunks of elements: which record, then a line of counts for each processor
/// records  chunks of action lists
/// </code>
/// All in the processor's byte order but for what stands in packets. A line has 64 bytes.
/// </remarks>
/// <param name="Processors">As many as the kernel can have.</param>
internal readonly record struct OffloadLayout(int Processors)
{
    public const int Line = 64;
    public const int LineBits = 6;
    public const int MostPorts = 64;
    public const int MostMasks = 16;
    public const int MaskTableBits = 11;
    public const int RecordChunkBits = 10;
    public const int RecordBytes = 2 * Line;

    /// <summary>Actions of a record behind its first word.</summary>
    public const int MostActions = (RecordBytes / sizeof(ulong)) - 1;

    public const int MaskTableBytes = 1 << MaskTableBits;

    public int Head => Processors * Line;

    public int MaskTables => Head + Line;

    public int Ports => MaskTables + (2 * MaskTableBytes);

    public int Counts => Ports + (MostPorts * PortLine.Size);

    /// <summary>Bytes of one port's counts, on all processors.</summary>
    public int CountsOfPort => Processors * PortCounts.Size;

    public int StateBytes => Counts + (MostPorts * CountsOfPort);

    public int EntryBytes => Line + (Processors * Line);

    /// <summary>So that a chunk of entries has two MiB at the most.</summary>
    public int EntryChunkBits => System.Numerics.BitOperations.Log2((2u << 20) / (uint)EntryBytes);
}

/// <summary>What one processor writes: the gate, and the look-ups that ended here.</summary>
/// <remarks>A processor whose two counts are equal, or that has left as often as it had entered, sees what was written before.</remarks>
[StructLayout(LayoutKind.Explicit, Size = OffloadLayout.Line)]
internal struct ProcessorLine
{
    public const int EnteredOffset = 0;
    public const int LeftOffset = 8;
    public const int ExactHitsOffset = 16;
    public const int WildcardHitsOffset = 24;

    [FieldOffset(EnteredOffset)]
    public ulong Entered;

    [FieldOffset(LeftOffset)]
    public ulong Left;

    [FieldOffset(ExactHitsOffset)]
    public ulong ExactHits;

    [FieldOffset(WildcardHitsOffset)]
    public ulong WildcardHits;
}

/// <summary>What the switch sets for all packets.</summary>
[StructLayout(LayoutKind.Explicit, Size = OffloadLayout.Line)]
internal struct HeadLine
{
    public const int MaskTableOffset = 0;
    public const int TickOffset = 4;

    /// <summary>Which of the two tables of masks is in force: 0 or 1.</summary>
    [FieldOffset(MaskTableOffset)]
    public uint MaskTable;

    /// <summary>The present tick, with which entries are stamped that packets use (<see cref="TickClock"/>).</summary>
    [FieldOffset(TickOffset)]
    public uint Tick;
}

/// <summary>The first line of a table of masks.</summary>
[StructLayout(LayoutKind.Explicit, Size = OffloadLayout.Line)]
internal struct MaskTableHead
{
    public const int CountOffset = 0;
    public const int FloorOffset = 8;

    [FieldOffset(CountOffset)]
    public ulong Count;

    /// <summary>A wildcard hit of this rank or a lower one goes to the software, which has an entry of its own that may rank higher.</summary>
    [FieldOffset(FloorOffset)]
    public ulong Floor;
}

/// <summary>One mask; they stand by their highest rank, the highest first.</summary>
[StructLayout(LayoutKind.Explicit, Size = OffloadLayout.Line)]
internal struct MaskLine
{
    public const int HighestOffset = FlowKey.Size;
    public const int IdOffset = FlowKey.Size + 8;

    [FieldOffset(0)]
    public FlowKey Mask;

    /// <summary>The highest rank of an entry with this mask.</summary>
    [FieldOffset(HighestOffset)]
    public ulong Highest;

    /// <summary>As in <see cref="LookupKey.Mask"/>.</summary>
    [FieldOffset(IdOffset)]
    public uint Id;
}

/// <summary>A port.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct PortLine
{
    public const int Size = OffloadLayout.Line;
    public const int ServesOffset = 0;
    public const int NumberOffset = 4;
    public const int PuntOffset = 8;
    public const int OutputOffset = 12;
    public const int MtuOffset = 16;

    /// <summary>1 if its packets are looked up here, 0 if all go to the software.</summary>
    [FieldOffset(ServesOffset)]
    public uint Serves;

    /// <summary>The switch's number of the port.</summary>
    [FieldOffset(NumberOffset)]
    public uint Number;

    /// <summary>The interface that takes its packets to the software; 0 for none.</summary>
    [FieldOffset(PuntOffset)]
    public uint Punt;

    /// <summary>The interface; 0 while it has no link.</summary>
    [FieldOffset(OutputOffset)]
    public uint Output;

    /// <summary>Bytes of payload that a packet may have which is no segment.</summary>
    [FieldOffset(MtuOffset)]
    public uint Mtu;
}

/// <summary>What one processor counted of a port.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct PortCounts
{
    public const int Size = 2 * OffloadLayout.Line;
    public const int PacketsInOffset = 0;
    public const int BytesInOffset = 8;
    public const int LeftOffset = 16;
    public const int NoOutputOffset = 24;
    public const int ToIngressOffset = 32;
    public const int FailedOffset = 40;
    public const int PacketsOutOffset = 64;
    public const int BytesOutOffset = 72;
    public const int NoLinkOffset = 80;
    public const int TooLongOffset = 88;

    /// <summary>Packets that came in by the port and ended here.</summary>
    [FieldOffset(PacketsInOffset)]
    public ulong PacketsIn;

    [FieldOffset(BytesInOffset)]
    public ulong BytesIn;

    /// <summary>Of these, copies included, those that went towards a port.</summary>
    [FieldOffset(LeftOffset)]
    public ulong Left;

    /// <summary>Those whose entry has no output.</summary>
    [FieldOffset(NoOutputOffset)]
    public ulong NoOutput;

    /// <summary>Those whose entry names the port they came in by as any other.</summary>
    [FieldOffset(ToIngressOffset)]
    public ulong ToIngress;

    /// <summary>Those that the kernel had no memory to change or copy.</summary>
    [FieldOffset(FailedOffset)]
    public ulong Failed;

    /// <summary>Packets that left by the port.</summary>
    [FieldOffset(PacketsOutOffset)]
    public ulong PacketsOut;

    [FieldOffset(BytesOutOffset)]
    public ulong BytesOut;

    [FieldOffset(NoLinkOffset)]
    public ulong NoLink;

    [FieldOffset(TooLongOffset)]
    public ulong TooLong;

    public void Add(in PortCounts other)
    {
        PacketsIn += other.PacketsIn;
        BytesIn += other.BytesIn;
        Left += other.Left;
        NoOutput += other.NoOutput;
        ToIngress += other.ToIngress;
        Failed += other.Failed;
        PacketsOut += other.PacketsOut;
        BytesOut += other.BytesOut;
        NoLink += other.NoLink;
        TooLong += other.TooLong;
    }
}

/// <summary>By which entries are found.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct LookupKey
{
    public const int Size = 40;
    public const int MaskOffset = FlowKey.Size;

    [FieldOffset(0)]
    public FlowKey Key;

    /// <summary>0 for entries without wildcards.</summary>
    [FieldOffset(MaskOffset)]
    public uint Mask;
}

/// <summary>What is found. It never changes: an element is inserted and deleted, with a wait for the gate in between.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct LookupValue
{
    public const int Size = 16;
    public const int RankOffset = 8;

    /// <summary>The entry's element.</summary>
    [FieldOffset(0)]
    public ulong Entry;

    /// <summary>Of two wildcard entries that match, the higher wins.</summary>
    [FieldOffset(RankOffset)]
    public ulong Rank;
}

/// <summary>What one processor counted of an entry.</summary>
[StructLayout(LayoutKind.Explicit, Size = OffloadLayout.Line)]
internal struct EntryCounts
{
    public const int PacketsOffset = 0;
    public const int BytesOffset = 8;
    public const int TickOffset = 16;

    [FieldOffset(PacketsOffset)]
    public ulong Packets;

    [FieldOffset(BytesOffset)]
    public ulong Bytes;

    /// <summary>Of the last packet.</summary>
    [FieldOffset(TickOffset)]
    public uint Tick;
}

/// <summary>What an action does. Its value is in the upper 48 bits of the word, as it stands in a packet if it goes there.</summary>
internal enum OffloadAction : byte
{
    /// <summary>The list is over.</summary>
    End = 0,

    /// <summary>To the port of a number in this layout; counted as a drop if the packet came in by it.</summary>
    Output,

    /// <summary>As <see cref="Output"/>, but left out without a count if the packet came in by it.</summary>
    Flood,

    /// <summary>Back to where it came from.</summary>
    InPort,

    /// <summary>Counted as without an output.</summary>
    Drop,

    SetDlDst,
    SetDlSrc,
    SetVlanVid,
    SetVlanPcp,
    StripVlan,
    SetNwSrc,
    SetNwDst,
    SetNwTos,
    SetTpSrc,
    SetTpDst,
}
