using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>Tells from a packet's networks and service which subtables may hold an entry for it, before they are hashed and looked at.</summary>
/// <remarks>
/// <para>
/// A subtable holds entries for few networks and few ports, so most subtables have nothing for most packets. For each of some parts
/// of the key there is a small table of words, a bit for each subtable: which of them hold an entry for this value. The parts are
/// both addresses cut to 16 and 24 bits, alone and together, nw_proto with tp_dst, and tp_src. Together, because a source
/// and a destination may each be common in the table, yet no entry has both.
/// </para>
/// <para>
/// The filter may name a subtable too many, but never misses one: values may share a word, subtables beyond the first thirty share bits, and removed
/// entries leave their bits until many are removed. An entry that wildcards a part sets its bit in all words of the part.
/// </para>
/// <para>
/// Threads: one writer, the control side; workers read words, each by itself. An entry's bits are there before the entry is, and stay
/// as long as it does.
/// </para>
/// </remarks>
internal sealed unsafe class SubtableFilter : IReclaimer, IDisposable
{
    private const int Parts = 9;
    private const int IndexBits = 12;
    private const int WordsPerPart = 1 << IndexBits;
    private const int Words = Parts * WordsPerPart;
    private const int SubtableBits = 32;
    private const int OwnBits = 30; // for the first subtables, which are the large ones; later ones share the remaining bits

    // Looking at all entries and words again pays after this many removals.
    private const int LeastRemovals = 256;

    private readonly FlowStore _store;
    private readonly FlowKey* _maskOf;
    private readonly NativeArray<uint> _words = new(Words);
    private readonly uint[] _any = new uint[Parts];
    private readonly ulong[] _renewed = new ulong[Words / 64];
    private readonly int[] _removals = new int[SubtableBits];
    private readonly int[] _retired = new int[SubtableBits]; // subtables that have gone and may still be searched
    private readonly uint* _word;
    private readonly ulong _spread;

    /// <param name="hash">Where the secret comes from that spreads values over words.</param>
    /// <param name="maskOf">The masks of all entries, by index.</param>
    public SubtableFilter(FlowStore store, FlowHash hash, FlowKey* maskOf)
    {
        _store = store;
        _maskOf = maskOf;
        _word = _words.Start;
        _spread = hash.Compute(default(FlowKey)) | 1;
    }

    /// <summary>The bit of a subtable; another may have the same.</summary>
    public static uint BitOf(int subtableId) => 1U << BitIndexOf(subtableId);

    /// <summary>The bits of all subtables that may hold an entry for this packet. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Candidates(in FlowKey key)
    {
        ulong addresses = AddressesOf(key);
        ulong service = ServiceOf(key);
        uint* words = _word;
        ulong spread = _spread;
        return In(0, words, spread, addresses, service) & In(1, words, spread, addresses, service)
            & In(2, words, spread, addresses, service) & In(3, words, spread, addresses, service)
            & In(4, words, spread, addresses, service) & In(5, words, spread, addresses, service)
            & In(6, words, spread, addresses, service) & In(7, words, spread, addresses, service)
            & In(8, words, spread, addresses, service);
    }

    /// <summary>Before an entry comes into a subtable.</summary>
    public void Add(in FlowKey key, in FlowKey mask, int subtableId)
    {
        int bit = BitIndexOf(subtableId);
        for (int part = 0; part < Parts; part++)
        {
            if ((_any[part] >> bit & 1) != 0)
            {
                continue;
            }
            if (TryFindWord(part, key, mask, out int index))
            {
                Set(ref _word[index], bit, true);
                continue;
            }
            Set(ref _any[part], bit, true);
            for (index = part * WordsPerPart; index < (part + 1) * WordsPerPart; index++)
            {
                Set(ref _word[index], bit, true);
            }
        }
    }

    /// <summary>A subtable has gone with its entries: their bits stay as long as a look-up may go by an older plan.</summary>
    public void Retire(int subtableId, int entries, GracePeriod grace)
    {
        int bit = BitIndexOf(subtableId);
        _removals[bit] += entries;
        _retired[bit]++;
        grace.Retire(this, bit);
    }

    void IReclaimer.Reclaim(nint item) => _retired[item]--;

    /// <summary>After an entry has left a subtable.</summary>
    public void NoteRemoval(int subtableId, List<Subtable?> subtables)
    {
        int bit = BitIndexOf(subtableId);
        if (++_removals[bit] < LeastRemovals || _retired[bit] > 0)
        {
            return;
        }
        int left = 0;
        for (int id = bit; id < subtables.Count; id = NextOfBit(id, subtables))
        {
            left += subtables[id]?.Index.Count ?? 0;
        }
        if (_removals[bit] >= left)
        {
            Renew(bit, subtables);
        }
    }

    public void Dispose() => _words.Dispose();

    /// <summary>Sets the bit of these subtables just where their entries are. Where it is needed it never vanishes.</summary>
    private void Renew(int bit, List<Subtable?> subtables)
    {
        _removals[bit] = 0;
        Array.Clear(_renewed);
        uint isAny = 0; // a bit for each part
        for (int id = bit; id < subtables.Count; id = NextOfBit(id, subtables))
        {
            foreach (uint entry in subtables[id]?.Index.ReadAll() ?? [])
            {
                for (int part = 0; part < Parts; part++)
                {
                    if (TryFindWord(part, _store.Entries[entry].Key, _maskOf[entry], out int index))
                    {
                        _renewed[index / 64] |= 1UL << (index % 64);
                    }
                    else
                    {
                        isAny |= 1U << part;
                    }
                }
            }
        }
        for (int part = 0; part < Parts; part++)
        {
            bool isSet = (isAny >> part & 1) != 0;
            Set(ref _any[part], bit, isSet);
            for (int index = part * WordsPerPart; index < (part + 1) * WordsPerPart; index++)
            {
                Set(ref _word[index], bit, isSet || (_renewed[index / 64] >> (index % 64) & 1) != 0);
            }
        }
    }

    private static int BitIndexOf(int subtableId) =>
        subtableId < OwnBits ? subtableId : OwnBits + ((subtableId - OwnBits) % (SubtableBits - OwnBits));

    /// <summary>The next subtable with the same bit.</summary>
    private static int NextOfBit(int id, List<Subtable?> subtables) => id < OwnBits ? subtables.Count : id + SubtableBits - OwnBits;

    private static void Set(ref uint word, int bit, bool value)
    {
        uint changed = (word & ~(1U << bit)) | ((value ? 1U : 0) << bit);
        if (changed != word) // workers cache this line: it is written only when it changes
        {
            Volatile.Write(ref word, changed);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint In(int part, uint* words, ulong spread, ulong addresses, ulong service) =>
        *(words + (part * WordsPerPart) + SlotOf(part, spread, addresses, service));

    /// <summary>Where a part of an entry has its word; false if the entry leaves bits of the part open.</summary>
    private bool TryFindWord(int part, in FlowKey key, in FlowKey mask, out int index)
    {
        index = (part * WordsPerPart) + (int)SlotOf(part, _spread, AddressesOf(key), ServiceOf(key));
        return (~AddressesOf(mask) & AddressBits(part)) == 0 && (~ServiceOf(mask) & ServiceBits(part)) == 0;
    }

    /// <summary>Which of a part's words: multiply-shift hashing (Dietzfelbinger, Hagerup, Katajainen, Penttonen 1997).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong SlotOf(int part, ulong spread, ulong addresses, ulong service) =>
        ((addresses & AddressBits(part)) + (service & ServiceBits(part))) * spread >> (64 - IndexBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong AddressBits(int part) => part switch
    {
        0 => Octets(2, 0),
        1 => Octets(0, 2),
        2 => Octets(3, 0),
        3 => Octets(0, 3),
        4 => Octets(2, 2),
        5 => Octets(3, 2),
        6 => Octets(2, 3),
        _ => 0,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ServiceBits(int part) => part switch
    {
        7 => 0xff_ffff_0000, // nw_proto, tp_dst
        8 => 0xffff, // tp_src
        _ => 0,
    };

    /// <summary>So many of either address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Octets(int ofSource, int ofDestination) =>
        ((1UL << (8 * ofSource)) - 1) | (((1UL << (8 * ofDestination)) - 1) << 32);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong AddressesOf(in FlowKey key) => key.NwSrc.Raw | ((ulong)key.NwDst.Raw << 32);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ServiceOf(in FlowKey key) => key.TpSrc.Raw | ((ulong)key.TpDst.Raw << 16) | ((ulong)key.NwProto << 32);
}
