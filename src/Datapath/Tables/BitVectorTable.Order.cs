namespace Softswitch.Datapath.Tables;

/// <content>The order of its granules.</content>
internal sealed unsafe partial class BitVectorTable
{
    private Rank RankOf(uint index) => new(_store.Records[index].Priority, _store.Records[index].Sequence);

    /// <summary>In whose range a rank is; -1 if there are no granules.</summary>
    private int PlaceOf(Rank rank)
    {
        int low = 0;
        int high = _ordered.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (rank.CompareTo(_ordered[middle].Lowest) >= 0)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }
        return high;
    }

    private int PlaceOf(int granule)
    {
        int place = 0;
        while (_ordered[place].Id != granule)
        {
            place++;
        }
        return place;
    }

    /// <summary>Takes an empty granule out of the order. A worker in the old order finds nothing in it but what came later, which concerns a change it meets.</summary>
    private void Drop(int place)
    {
        _freeGranules |= 1UL << _ordered[place].Id;
        RankedGranule[] left = [.. _ordered[..place], .. _ordered[(place + 1)..]];
        if (place == left.Length && place > 0)
        {
            left[^1] = left[^1] with { Lowest = Rank.Least };
        }
        Publish(left);
    }

    private RankedGranule[] With(int place, RankedGranule changed)
    {
        RankedGranule[] ordered = [.. _ordered];
        ordered[place] = changed;
        return ordered;
    }

    private void Publish(RankedGranule[] ordered) => Volatile.Write(ref _ordered, ordered);
}
