using Softswitch.Datapath.Flows;

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
