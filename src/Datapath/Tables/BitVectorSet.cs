using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>The entries of table 1 that would take more subtables than a search should look at: in as few bit vector tables as hold them.</summary>
/// <remarks>
/// An entry's place is one negative number, where others have the number of their subtable. Threads: one writer, the control side; workers read
/// <see cref="Tables"/>.
/// </remarks>
internal sealed unsafe class BitVectorSet : IReclaimer, IDisposable
{
    private readonly FlowIndexMemory _indexMemory;
    private readonly FlowStore _store;
    private readonly FlowHash _hash;
    private readonly FlowKey* _maskOf;
    private readonly ChangeJournal _changes;
    private readonly BitVectorMemory _memory;
    private readonly List<BitVectorTable?> _byId = [];
    private readonly Dictionary<nint, BitVectorTable> _retired = [];
    private BitVectorTable[] _tables = [];
    private nint _lastRetired;
    private int _cursor;

    /// <param name="maskOf">The masks of all entries, by index.</param>
    /// <param name="changes">Is told when entries move.</param>
    public BitVectorSet(FlowIndexMemory memory, FlowStore store, FlowHash hash, FlowKey* maskOf, ChangeJournal changes)
    {
        _indexMemory = memory;
        _store = store;
        _hash = hash;
        _maskOf = maskOf;
        _changes = changes;
        _memory = new BitVectorMemory(memory.Grace, memory.Advise);
    }

    /// <summary>Any thread.</summary>
    public BitVectorTable[] Tables => Volatile.Read(ref _tables);

    /// <summary>Stands where others have a subtable; its index finds entries by mask and key (<see cref="HashOf"/>). Null while there are none.</summary>
    public Subtable? Home { get; private set; }

    public int Count => Home?.Index.Count ?? 0;

    /// <summary>Whether an entry with this for its subtable is here.</summary>
    public static bool Holds(int place) => place < 0;

    /// <summary>The place of an entry that has moved within its table.</summary>
    public static int Relocate(int place, int position) => Encode(~place / BitVectorTable.Capacity, position);

    /// <summary>What <see cref="Home"/> finds an entry by.</summary>
    public ulong HashOf(in FlowKey key, in FlowKey mask) => _hash.Compute(key) + ulong.RotateLeft(_hash.Compute(mask), 1);

    /// <summary>Adds an entry whose mask, key, priority and record are in place, and records where it is.</summary>
    public void Insert(uint index)
    {
        ref FlowRecord record = ref _store.Records[index];
        Home ??= new Subtable(FlowKey.AllOnes, -1, new FlowIndex(_indexMemory, _store));
        record.Hash = HashOf(_store.Entries[index].Key, _maskOf[index]);
        Home.Index.Insert(record.Hash, index);
        for (int id = 0; ; id++)
        {
            if (id == _byId.Count)
            {
                _byId.Add(null);
            }
            BitVectorTable table = _byId[id] ?? Add(id);
            int position = table.Insert(index, _changes);
            if (position >= 0)
            {
                record.Subtable = Encode(id, position);
                return;
            }
        }
    }

    /// <summary>Takes an entry out.</summary>
    public void Remove(uint index)
    {
        ref FlowRecord record = ref _store.Records[index];
        int id = ~record.Subtable / BitVectorTable.Capacity;
        BitVectorTable table = _byId[id]!;
        table.Remove(~record.Subtable % BitVectorTable.Capacity, _changes);
        if (table.Count == 0)
        {
            _byId[id] = null;
            Publish();
            _retired.Add(++_lastRetired, table);
            _indexMemory.Grace.Retire(this, _lastRetired);
        }
        Home!.Index.Remove(record.Hash, index);
        if (Home.Index.Count == 0)
        {
            Home.Index.Retire();
            Home = null;
        }
    }

    /// <summary>Puts an entry into the place of an identical one, whose record it has.</summary>
    public void Replace(uint index, uint replacement)
    {
        ref FlowRecord record = ref _store.Records[index];
        _byId[~record.Subtable / BitVectorTable.Capacity]!.Replace(~record.Subtable % BitVectorTable.Capacity, replacement);
        Home!.Index.Replace(record.Hash, index, replacement);
    }

    /// <summary>Some entry, another one each time until all have had their turn; 0 if there is none.</summary>
    public uint Next()
    {
        if (Home == null)
        {
            return 0;
        }
        while (true)
        {
            int id = _cursor / BitVectorTable.Capacity;
            if (id >= _byId.Count)
            {
                _cursor = 0;
                continue;
            }
            int position = _byId[id]?.NextTaken(_cursor % BitVectorTable.Capacity) ?? -1;
            if (position >= 0)
            {
                _cursor = (id * BitVectorTable.Capacity) + position + 1;
                return _byId[id]!.EntryAt[position];
            }
            _cursor = (id + 1) * BitVectorTable.Capacity;
        }
    }

    void IReclaimer.Reclaim(nint item)
    {
        _retired.Remove(item, out BitVectorTable? table);
        table!.Dispose();
    }

    public void Dispose()
    {
        foreach (BitVectorTable table in _tables.Concat(_retired.Values))
        {
            table.Dispose();
        }
        _memory.Dispose();
    }

    private static int Encode(int id, int position) => ~((id * BitVectorTable.Capacity) + position);

    private BitVectorTable Add(int id)
    {
        BitVectorTable table = _byId[id] = new BitVectorTable(_memory, _store, _maskOf, _hash.Compute(default(FlowKey)));
        Publish();
        return table;
    }

    private void Publish() => Volatile.Write(ref _tables, [.. _byId.OfType<BitVectorTable>()]);
}
