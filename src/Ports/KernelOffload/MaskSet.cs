using Softswitch.Datapath.Flows;

namespace Softswitch.Ports.KernelOffload;

/// <summary>The masks that the program tries, first come, first served; and the floor below which its hits do not count.</summary>
/// <remarks>
/// The program reads one of two tables: the other is written, and put in force by one store. It is free for the next change when the programs
/// under way have ended. Threads: one at a time.
/// </remarks>
internal sealed unsafe class MaskSet(OffloadTables tables)
{
    private readonly Dictionary<FlowKey, Mask> _masks = [];
    private readonly Mask?[] _byId = new Mask[OffloadLayout.MostMasks + 1];
    private readonly PriorityCounts _missing = new();
    private bool _isChanged;

    /// <summary>The highest rank of a hit that does not count; 0 for none.</summary>
    public ulong Floor => _missing.IsEmpty ? 0 : OffloadFlow.HighestOf(_missing.Highest);

    /// <summary>Counts an entry that is about to be found, if its mask is there or has a place.</summary>
    /// <returns>The mask's number; 0 if there is no place.</returns>
    public uint TryAdd(FlowKey bits, ushort priority)
    {
        if (!_masks.TryGetValue(bits, out Mask? mask))
        {
            int id = Array.IndexOf(_byId, null, 1);
            if (id < 0)
            {
                return 0;
            }
            _byId[id] = _masks[bits] = mask = new Mask(bits, (uint)id);
        }
        _isChanged |= mask.Priorities.Add(priority);
        return mask.Id;
    }

    /// <summary>An entry is found no more.</summary>
    public void Remove(FlowKey bits, ushort priority)
    {
        Mask mask = _masks[bits];
        _isChanged |= mask.Priorities.Remove(priority);
        if (mask.Priorities.IsEmpty)
        {
            _masks.Remove(bits);
            _byId[mask.Id] = null;
        }
    }

    /// <summary>An entry that should be found is not: no hit of its priority or below counts.</summary>
    public void AddMissing(ushort priority) => _isChanged |= _missing.Add(priority);

    public void RemoveMissing(ushort priority) => _isChanged |= _missing.Remove(priority);

    /// <summary>Puts the masks in force; until the programs under way have ended, they may use those before.</summary>
    public void Publish()
    {
        if (!_isChanged)
        {
            return;
        }
        _isChanged = false;
        uint which = 1 - tables.Head->MaskTable;
        MaskTableHead* head = tables.MaskTable(which);
        MaskLine* line = (MaskLine*)(head + 1);
        foreach (Mask mask in _masks.Values.OrderByDescending(mask => mask.Priorities.Highest))
        {
            *line++ = new MaskLine { Mask = mask.Bits, Highest = OffloadFlow.HighestOf(mask.Priorities.Highest), Id = mask.Id };
        }
        head->Count = (ulong)_masks.Count;
        head->Floor = Floor;
        Volatile.Write(ref tables.Head->MaskTable, which);
    }

    /// <summary>Raises the floor of the table in force at once, until the next <see cref="Publish"/>, over an entry that is not found for a moment.</summary>
    public void Shield(ushort priority)
    {
        MaskTableHead* head = tables.MaskTable(tables.Head->MaskTable);
        Volatile.Write(ref head->Floor, Math.Max(head->Floor, OffloadFlow.HighestOf(priority)));
        _isChanged = true;
    }

    private sealed class Mask(FlowKey bits, uint id)
    {
        public FlowKey Bits { get; } = bits;

        public uint Id { get; } = id;

        public PriorityCounts Priorities { get; } = new();
    }

    /// <summary>How many entries have which priority.</summary>
    private sealed class PriorityCounts
    {
        private readonly Dictionary<ushort, int> _counts = [];
        private readonly SortedSet<ushort> _priorities = [];

        public bool IsEmpty => _priorities.Count == 0;

        public ushort Highest => _priorities.Max;

        /// <returns>Whether it is the highest now and was not before.</returns>
        public bool Add(ushort priority)
        {
            _counts[priority] = _counts.GetValueOrDefault(priority) + 1;
            return _priorities.Add(priority) && priority == Highest;
        }

        /// <returns>Whether it was the highest and is no more.</returns>
        public bool Remove(ushort priority)
        {
            if (--_counts[priority] > 0)
            {
                return false;
            }
            bool wasHighest = priority == Highest;
            _counts.Remove(priority);
            _priorities.Remove(priority);
            return wasHighest;
        }
    }
}
