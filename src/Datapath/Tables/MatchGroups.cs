namespace Softswitch.Datapath.Tables;

/// <summary>Wildcard entries of the same mask and key, where there are several: in a balanced tree by priority, so none is far.</summary>
/// <remarks>
/// Packets find the first of a group in its subtable, the others never match. An entry that is alone has no group, and no memory for one. Threads:
/// the control side.
/// </remarks>
internal sealed unsafe class MatchGroups(FlowStore store)
{
    private readonly FlowRecord* _records = store.Records;
    private readonly List<SortedSet<Member>?> _groups = [null]; // 0 is no group
    private readonly Stack<int> _freeIds = new();

    /// <summary>The entry of this priority among those with the mask and key of <paramref name="any"/>, or 0.</summary>
    public uint Find(uint any, ushort priority)
    {
        if (_records[any].Priority == priority)
        {
            return any;
        }
        int id = _records[any].Group;
        return id != 0 && _groups[id]!.TryGetValue(new Member(priority, 0), out Member member) ? member.Index : 0;
    }

    /// <summary>Adds the entries with the mask and key of this one to a list, by falling priority.</summary>
    /// <param name="most">How many at most.</param>
    /// <returns>How many there are.</returns>
    public int AddBest(uint any, int most, List<uint> list)
    {
        if (_records[any].Group is not (not 0 and var id))
        {
            list.Add(any);
            return 1;
        }
        list.AddRange(_groups[id]!.Reverse().Take(most).Select(member => member.Index));
        return _groups[id]!.Count;
    }

    /// <summary>Whether no entry like it has a higher priority.</summary>
    public bool IsFirst(uint index) => _records[index].Group is var id && (id == 0 || _groups[id]!.Max.Index == index);

    /// <summary>Puts an entry into the group of another, whose priority differs.</summary>
    public void Join(uint index, uint other)
    {
        int id = _records[other].Group;
        if (id == 0)
        {
            id = NewId();
            _groups[id] = [Describe(other)];
            _records[other].Group = id;
        }
        _groups[id]!.Add(Describe(index));
        _records[index].Group = id;
    }

    /// <summary>Puts an entry into the place of one of the same priority.</summary>
    public void Replace(uint index, uint replacement)
    {
        int id = _records[replacement].Group = _records[index].Group;
        if (id != 0)
        {
            _groups[id]!.Remove(Describe(index));
            _groups[id]!.Add(Describe(replacement));
        }
    }

    /// <summary>Takes an entry out of its group.</summary>
    /// <returns>The first of those that stay; 0 if it was alone.</returns>
    public uint Leave(uint index)
    {
        int id = _records[index].Group;
        if (id == 0)
        {
            return 0;
        }
        SortedSet<Member> group = _groups[id]!;
        group.Remove(Describe(index));
        uint first = group.Max.Index;
        if (group.Count == 1)
        {
            _records[first].Group = 0;
            _groups[id] = null;
            _freeIds.Push(id);
        }
        return first;
    }

    private Member Describe(uint index) => new(_records[index].Priority, index);

    private int NewId()
    {
        if (!_freeIds.TryPop(out int id))
        {
            id = _groups.Count;
            _groups.Add(null);
        }
        return id;
    }

    /// <summary>In a group a priority is there once.</summary>
    private readonly record struct Member(ushort Priority, uint Index) : IComparable<Member>
    {
        public int CompareTo(Member other) => Priority.CompareTo(other.Priority);
    }
}
