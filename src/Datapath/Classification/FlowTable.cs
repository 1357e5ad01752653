using Softswitch.Datapath.Workers;

namespace Softswitch.Datapath.Classification;

/// <summary>The flow table: table 0 holds the exact entries, table 1 those with wildcards (OpenFlow 1.0.0 §3.4).</summary>
/// <remarks>
/// Threads: workers classify; the control side changes. A change is visible to every lookup that begins after it; no lookup sees
/// half of one. An exact entry outranks every wildcard entry whatever its priority says. A lookup reads several structures one after
/// the other, so a controller that adds a new entry and then deletes the old one could slip by it: not yet there, already gone. Table 1
/// therefore counts its changes, and a lookup that came to an end in table 1 and met one is done again.
/// </remarks>
internal sealed class FlowTable : IDisposable
{
    public const byte ExactTableId = 0;
    public const byte WildcardTableId = 1;

    // Changes cost far more than lookups: to meet one each time is no accident any more, and a worker must not be held up.
    private const int MaxAttempts = 16;

    private readonly FlowIndexMemory _memory;
    private readonly FlowHash _hash;

    public FlowTable(FlowStore store, GracePeriod grace, FlowHash hash)
    {
        Store = store;
        _hash = hash;
        _memory = new FlowIndexMemory(grace);
        Exact = new FlowIndex(_memory, store);
        Wildcard = new WildcardTable(_memory, store, hash);
    }

    /// <summary>Memory of both tables.</summary>
    public FlowIndexMemory Memory => _memory;

    public FlowStore Store { get; }

    public ref readonly FlowHash Hash => ref _hash;

    public FlowIndex Exact { get; }

    public WildcardTable Wildcard { get; }

    /// <summary>The entry that treats a packet with this key, or 0. Any thread.</summary>
    public uint Find(in FlowKey key) => Find(key, out _);

    /// <param name="exact">Whether it is of table 0.</param>
    public uint Find(in FlowKey key, out bool exact)
    {
        ulong hash = Hash.Compute(key);
        uint index = 0;
        exact = false;
        for (int i = 0; i < MaxAttempts; i++)
        {
            long change = Wildcard.Changes.Begun;
            index = Exact.Find(hash, key);
            exact = index != 0;
            if (exact)
            {
                break;
            }
            index = Wildcard.Find(key);
            if (Wildcard.Changes.Begun == change)
            {
                break;
            }
        }
        return index;
    }

    public void Dispose()
    {
        Wildcard.Dispose();
        _memory.Dispose();
    }
}
