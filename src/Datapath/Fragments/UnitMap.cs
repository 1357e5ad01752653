namespace Softswitch.Datapath.Fragments;

/// <summary>One bit for each eight-byte unit of an IPv4 payload.</summary>
/// <remarks>A fragment is placed at the cost of its length, however many others there are and whatever their order.</remarks>
internal unsafe struct UnitMap
{
    /// <summary>Units a payload can have: what 13 bits of offset count.</summary>
    public const int Units = 8192;

    private const int WordBits = 64;

    private fixed ulong _words[Units / WordBits];

    public readonly bool this[int unit] => (_words[unit / WordBits] & (1UL << (unit % WordBits))) != 0;

    public void Set(int unit) => _words[unit / WordBits] |= 1UL << (unit % WordBits);

    /// <summary>Sets the units from <paramref name="from"/> up to before <paramref name="to"/>.</summary>
    public void SetRange(int from, int to)
    {
        for (int word = from / WordBits; word * WordBits < to; word++)
        {
            _words[word] |= MaskOf(word, from, to);
        }
    }

    public readonly bool AnyInRange(int from, int to)
    {
        for (int word = from / WordBits; word * WordBits < to; word++)
        {
            if ((_words[word] & MaskOf(word, from, to)) != 0)
            {
                return true;
            }
        }
        return false;
    }

    public readonly bool AllInRange(int from, int to)
    {
        for (int word = from / WordBits; word * WordBits < to; word++)
        {
            ulong mask = MaskOf(word, from, to);
            if ((_words[word] & mask) != mask)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>The bits of a word that lie in the range.</summary>
    private static ulong MaskOf(int word, int from, int to)
    {
        int first = Math.Max(from - (word * WordBits), 0);
        int last = Math.Min(to - (word * WordBits), WordBits);
        return first >= last ? 0 : (ulong.MaxValue >> (WordBits - (last - first))) << first;
    }
}
