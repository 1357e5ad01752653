namespace Softswitch.Datapath.Classification;

/// <summary>All wildcard entries with one mask, found by hashing the masked key.</summary>
/// <remarks>
/// The index holds for each masked key its entry of highest priority; those below it are chained in the records, which only
/// the control side follows. Threads: workers read <see cref="Mask"/> and <see cref="Index"/>.
/// </remarks>
internal sealed class Subtable
{
    private readonly SortedList<ushort, int> _priorities = [];
    private FlowKey _mask;

    public Subtable(in FlowKey mask, int id, FlowIndex index)
    {
        _mask = mask;
        Id = id;
        Index = index;
    }

    public ref FlowKey Mask => ref _mask;

    public int Id { get; }

    public FlowIndex Index { get; }

    /// <summary>Entries, chained ones included.</summary>
    public int Count { get; private set; }

    /// <summary>Highest priority of its entries: a search that has found better need not look here.</summary>
    public int MaxPriority { get; private set; } = -1;

    /// <summary>Counts an entry in; true if <see cref="MaxPriority"/> changed.</summary>
    public bool CountIn(ushort priority)
    {
        Count++;
        _priorities[priority] = _priorities.GetValueOrDefault(priority) + 1;
        return UpdateMax();
    }

    /// <summary>Counts an entry out; true if <see cref="MaxPriority"/> changed.</summary>
    public bool CountOut(ushort priority)
    {
        Count--;
        int left = _priorities[priority] - 1;
        if (left == 0)
        {
            _priorities.Remove(priority);
        }
        else
        {
            _priorities[priority] = left;
        }
        return UpdateMax();
    }

    private bool UpdateMax()
    {
        int max = _priorities.Count == 0 ? -1 : _priorities.GetKeyAtIndex(_priorities.Count - 1);
        bool changed = max != MaxPriority;
        MaxPriority = max;
        return changed;
    }
}
