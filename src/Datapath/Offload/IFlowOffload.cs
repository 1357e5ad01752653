using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Offload;

/// <summary>Hardware that forwards part of the packets by a copy of part of the flow table.</summary>
/// <remarks>
/// The software table is the truth: whatever the hardware does with a packet must be what the table would have done, or giving it to the
/// software. Which entries it holds is the offload's own choice; none is as right as all. Every call but <see cref="Service"/> returns with the hardware
/// in step, so that a barrier and a flow-removed tell the truth. No call throws: hardware that fails is left out, and says so.
/// Threads: under the control lock, one call at a time.
/// </remarks>
internal interface IFlowOffload : IDisposable
{
    /// <summary>Why no other process can go on with hardware of its own in this one's place; null if one can.</summary>
    string? Obstacle => null;

    /// <summary>An entry came into force in software.</summary>
    void Add(in OffloadEntry entry);

    /// <summary>An entry took the place of one like it (same match, same rank): <paramref name="replaced"/> is removed by this, too.</summary>
    void Replace(uint replaced, in OffloadEntry entry);

    /// <summary>An entry's actions were replaced; its counters go on.</summary>
    void Modify(uint id, ReadOnlySpan<FlowAction> actions);

    /// <summary>An entry is no longer in force; from here on its counters are final, until <see cref="Forget"/>.</summary>
    void Remove(uint id);

    /// <summary>The entry's counters are not wanted any more, and its id may be given to another.</summary>
    void Forget(uint id);

    /// <summary>What the hardware counted for an entry, as of the last poll, or finally if it was removed; 0 for one it never held.</summary>
    OffloadCounters Read(uint id);

    /// <summary>As <see cref="Read"/>, but asks the hardware now: before an entry expires, and for statistics.</summary>
    OffloadCounters Poll(uint id);

    OffloadTotals ReadTotals();

    /// <summary>The switch's ports, or what is set on them, changed.</summary>
    void SetPorts(ReadOnlySpan<OffloadPort> ports);

    /// <summary>Something is switched on that packets must meet before the flow table: while the reason is not null, all packets go to the software.</summary>
    /// <param name="reason">Such as <c>fragments are reassembled</c>, for people.</param>
    void Suspend(string? reason);

    /// <summary>Reads counters, looks after the hardware.</summary>
    /// <param name="now">Control clock in milliseconds.</param>
    /// <returns>After how many milliseconds it wants to be called again at the latest.</returns>
    int Service(long now);
}

/// <summary>A flow entry as the table holds it. The span is valid during the call.</summary>
internal readonly ref struct OffloadEntry
{
    /// <summary>Names the entry from <see cref="IFlowOffload.Add"/> until <see cref="IFlowOffload.Forget"/>; then it may name another. Never 0.</summary>
    public required uint Id { get; init; }

    /// <summary>Without wildcards: ranks above every entry with some, whatever its priority.</summary>
    public required bool IsExact { get; init; }

    /// <summary>Normalised: 0 wherever <see cref="Mask"/> is.</summary>
    public required FlowKey Key { get; init; }

    /// <summary>1 bits are compared.</summary>
    public required FlowKey Mask { get; init; }

    public required ushort Priority { get; init; }

    /// <summary>Of two entries of equal priority that both match, the lower wins.</summary>
    public required ulong Sequence { get; init; }

    public required ReadOnlySpan<FlowAction> Actions { get; init; }
}

/// <summary>What decides how hardware may treat a port.</summary>
/// <param name="Number">The switch's number of the port.</param>
/// <param name="Config">As set by controllers.</param>
/// <param name="IsScheduled">It has queues or a rate of its own: what leaves by it must pass the software's scheduler.</param>
internal readonly record struct OffloadPort(ushort Number, PortConfig Config, bool IsScheduled);

/// <summary>What hardware counted for one flow entry, since the entry was added and wherever in the hardware it was meanwhile.</summary>
/// <param name="LastUsed">Control clock in milliseconds by which a hit was last noticed; 0 before the first.</param>
internal readonly record struct OffloadCounters(ulong Packets, ulong Bytes, long LastUsed);

/// <summary>Look-ups that ended in hardware: packets the workers never saw. Never falling.</summary>
internal readonly record struct OffloadTotals(ulong ExactMatches, ulong WildcardMatches);
