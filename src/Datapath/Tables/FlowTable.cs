using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>The flow table: table 0 holds the exact entries, table 1 those with wildcards (OpenFlow 1.0.0 §3.4). To controllers it is one.</summary>
/// <remarks>
/// Threads: workers classify; the control side changes. A change is visible to every lookup that begins after it; no lookup sees
/// half of one. An exact entry outranks every wildcard entry whatever its priority says. A lookup reads several structures one after
/// the other, so a controller that adds a new entry and then deletes the old one could slip by it: not yet there, already gone. Table 1
/// therefore counts its changes, and a lookup that came to an end in table 1 and met one is done again; one that meets them again and again
/// holds the next ones up until it is done.
/// </remarks>
internal sealed class FlowTable : IDisposable
{
    /// <summary>Lookups that met a change each time, after which changes are held up: a worker never waits, nor goes on like this for ever.</summary>
    public const int AttemptsBeforeHold = 8;

    private readonly FlowIndexMemory _memory;
    private readonly FlowHash _hash;

    /// <param name="advise">As of <see cref="FlowStore"/>.</param>
    /// <param name="mostSubtables">How many table 1 searches by hash; what would take more goes to bit vectors.</param>
    public FlowTable(FlowStore store, GracePeriod grace, FlowHash hash, Action<nint, nuint>? advise = null, int mostSubtables = SubtableSet.DefaultMost)
    {
        Store = store;
        _hash = hash;
        _memory = new FlowIndexMemory(grace, advise);
        Exact = new FlowIndex(_memory, store);
        Wildcard = new WildcardTable(_memory, store, hash, mostSubtables);
    }

    /// <summary>Memory of both tables.</summary>
    public FlowIndexMemory Memory => _memory;

    public FlowStore Store { get; }

    public ref readonly FlowHash Hash => ref _hash;

    public FlowIndex Exact { get; }

    public WildcardTable Wildcard { get; }

    public void Dispose()
    {
        Wildcard.Dispose();
        _memory.Dispose();
    }
}
