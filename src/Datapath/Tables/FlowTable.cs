using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>The flow table: table 0 holds the exact entries, table 1 those with wildcards (OpenFlow 1.0.0 §3.4). To controllers it is one.</summary>
/// <remarks>
/// Threads: workers classify; the control side changes. Every lookup that begins after a change sees it; no lookup sees
/// half of a change. An exact entry outranks every wildcard entry of any priority. A lookup reads several structures one after the other. So
/// if a controller adds a new entry and then deletes the old one, a lookup might read too early for the first and too late for the second, and
/// find neither. Table 1 therefore counts its changes, and a lookup in table 1 that met a change is repeated. A lookup that meets changes again
/// and again makes the next changes wait until it is done.
/// </remarks>
internal sealed class FlowTable : IDisposable
{
    /// <summary>Repeated lookups after which the worker makes changes wait: it never waits itself, and the number of its tries is bounded.</summary>
    public const int AttemptsBeforeHold = 8;

    private readonly FlowIndexMemory _memory;
    private readonly FlowHash _hash;

    /// <param name="advise">As of <see cref="FlowStore"/>.</param>
    /// <param name="mostSubtables">Number of subtables that table 1 searches by hash; entries that would need more go to bit vectors.</param>
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
