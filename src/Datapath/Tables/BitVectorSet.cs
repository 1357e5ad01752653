using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>The entries of table 1 that would take more subtables than a search should look at: in as few bit vector tables as hold them.</summary>
/// <remarks>Made with the first of them, and gone as a whole. Threads: one writer, the control side; workers read <see cref="Tables"/>.</remarks>
internal sealed unsafe class BitVectorSet : IReclaimer, IDisposable
{
    private readonly BitVectorMemory _memory;
    private readonly FlowStore _store;
    private readonly FlowKey* _maskOf;
    private readonly ulong _secret;
    private readonly NativeArray<int> _placeOf;
    private readonly List<BitVectorTable?> _byId = [];
    private BitVectorTable[] _tables = [];
    private int _cursor;

    /// <param name="maskOf">The masks of all entries, by index.</param>
    /// <param name="secret">Of the process.</param>
    public BitVectorSet(BitVectorMemory memory, FlowStore store, FlowKey* maskOf, ulong secret)
    {
        _memory = memory;
        _store = store;
        _maskOf = maskOf;
        _secret = secret;
        _placeOf = new NativeArray<int>(store.Capacity + 1);
        Search = new BitVectorSearch(this, store, maskOf);
        memory.Add(this);
    }

    /// <summary>How packets are looked up here. Any thread.</summary>
    public BitVectorSearch Search { get; }

    /// <summary>Any thread.</summary>
    public BitVectorTable[] Tables => Volatile.Read(ref _tables);

    public int Count { get; private set; }

    /// <summary>Whether an entry is here.</summary>
    public bool Holds(uint index) => _placeOf.Start[index] != 0;

    /// <summary>Adds an entry whose mask, key, priority and record are in place.</summary>
    public void Insert(uint index)
    {
        int id = 0;
        while (!(id < _byId.Count && _byId[id] is { } table ? table : Add(id)).TryInsert(index))
        {
            id++;
        }
        Count++;
    }

    /// <summary>Takes an entry out.</summary>
    public void Remove(uint index)
    {
        int id = IdOf(index);
        BitVectorTable table = _byId[id]!;
        table.Remove(index);
        Count--;
        if (table.Count == 0)
        {
            _byId[id] = null;
            Publish();
            table.Retire();
        }
    }

    /// <summary>Puts an entry into the place of an identical one.</summary>
    public void Replace(uint index, uint replacement) => _byId[IdOf(index)]!.Replace(index, replacement);

    /// <summary>Some entry, another one each time until all have had their turn. There must be any.</summary>
    public uint Next()
    {
        while (true)
        {
            int id = _cursor / BitVectorTable.Capacity;
            if (id >= _byId.Count)
            {
                _cursor = 0;
                continue;
            }
            int position = _byId[id]?.Next(_cursor % BitVectorTable.Capacity) ?? -1;
            if (position >= 0)
            {
                _cursor = (id * BitVectorTable.Capacity) + position + 1;
                return _byId[id]!.EntryAt[position];
            }
            _cursor = (id + 1) * BitVectorTable.Capacity;
        }
    }

    /// <summary>Retires all tables with their entries: no new search finds them.</summary>
    public void Retire()
    {
        Array.ForEach(_tables, table => table.Retire());
        _memory.Retire(this, 0);
    }

    void IReclaimer.Reclaim(nint item) => Dispose();

    /// <summary>Gives the memory back. No worker can be at it.</summary>
    public void Dispose()
    {
        _memory.Remove(this);
        _placeOf.Dispose();
    }

    private int IdOf(uint index) => (_placeOf.Start[index] - 1) / BitVectorTable.Capacity;

    private BitVectorTable Add(int id)
    {
        if (id == _byId.Count)
        {
            _byId.Add(null);
        }
        BitVectorTable table = new(_memory, _store, _maskOf, _placeOf.Start, 1 + (id * BitVectorTable.Capacity), _secret);
        _byId[id] = table;
        Publish();
        return table;
    }

    private void Publish() => Volatile.Write(ref _tables, [.. _byId.OfType<BitVectorTable>()]);
}
