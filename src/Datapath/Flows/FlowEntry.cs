using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Flows;

/// <summary>The part of a flow entry that packets touch: one cache line.</summary>
/// <remarks>
/// <code>
///  0              32        40      48          52         54      56        64
/// | key (masked) | packets | bytes | last used | priority | spare | actions |
/// </code>
/// Key and priority never change while the entry can be found. <see cref="Actions"/> is replaced in one store. The counters belong
/// to the worker; where there are several workers each counts in an array of its own (<see cref="FlowCounters"/>) and these stay what they
/// were at first: 0, or what a restored entry brought along.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct FlowEntry
{
    public const int Size = 64;

    /// <summary>Where <see cref="Counters"/> begins.</summary>
    public const int CountersOffset = 32;

    [FieldOffset(0)]
    public FlowKey Key;

    [FieldOffset(CountersOffset)]
    public FlowCounters Counters;

    [FieldOffset(52)]
    public ushort Priority;

    [FieldOffset(56)]
    public ActionsReference Actions;
}

/// <summary>What one worker has counted for one flow entry.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct FlowCounters
{
    /// <summary>20 bytes in the entry itself; 32 apart in a worker's own array.</summary>
    public const int Size = 20;

    public const int OwnArrayStride = 32;

    [FieldOffset(0)]
    public ulong Packets;

    [FieldOffset(8)]
    public ulong Bytes;

    /// <summary>Worker clock of the last packet, in milliseconds modulo 2^32; 0 before the first, if the entry is new.</summary>
    [FieldOffset(16)]
    public uint LastUsed;
}
