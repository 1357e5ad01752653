namespace Softswitch.Datapath.Tables;

/// <summary>A granule of a <see cref="BitVectorTable"/>, as it was when the array was published.</summary>
/// <param name="Id">From 0.</param>
/// <param name="PriorityBound">No entry here or in a later granule has a higher one.</param>
/// <param name="Lowest">Entries that rank at least like this are in this granule or an earlier one.</param>
internal readonly record struct RankedGranule(int Id, int PriorityBound, Rank Lowest);

/// <summary>What decides between entries that match: priority, then age.</summary>
internal readonly record struct Rank(int Priority, ulong Sequence) : IComparable<Rank>
{
    public static Rank Least => new(0, ulong.MaxValue);

    public static Rank Greatest => new(int.MaxValue, 0);

    public int CompareTo(Rank other) => Priority != other.Priority ? Priority.CompareTo(other.Priority) : other.Sequence.CompareTo(Sequence);
}
