using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>Tells from three fields of a packet which subtables may hold an entry for it, before any of them is hashed and looked at.</summary>
/// <remarks>
/// <para>
/// A subtable holds entries for few networks and few ports, so most subtables have nothing for most packets. For each field there is a small table of
/// words, a bit for each subtable: which of them hold an entry for this value. Its answers err on one side only: values may share a word, subtables beyond
/// the 64th share bits, entries that have gone leave theirs until enough have gone.
/// </para>
/// <para>
/// Threads: one writer, the control side; workers read words, each by itself. An entry's bits are there before the entry is, and stay as long as it does.
/// </para>
/// </remarks>
internal sealed unsafe class SubtableFilter : IDisposable
{
    private const int IndexBits = 12;
    private const int WordsPerField = 1 << IndexBits;
    private const int Fields = 3;
    private const int SubtableBits = 64;

    // Looking at all entries and words again pays after this many removals.
    private const int LeastRemovals = 256;

    private readonly FlowStore _store;
    private readonly FlowKey* _maskOf;
    private readonly NativeArray<ulong> _words = new(Fields * WordsPerField);
    private readonly NativeArray<ulong> _any = new(Fields);
    private readonly ulong[] _renewed = new ulong[Fields * WordsPerField / SubtableBits];
    private readonly int[] _removals = new int[SubtableBits];
    private readonly ulong* _ofSource;
    private readonly ulong* _ofDestination;
    private readonly ulong* _ofService;
    private readonly uint _spread;

    /// <param name="hash">Where the secret comes from that spreads values over words.</param>
    /// <param name="maskOf">The masks of all entries, by index.</param>
    public SubtableFilter(FlowStore store, FlowHash hash, FlowKey* maskOf)
    {
        _store = store;
        _maskOf = maskOf;
        _ofSource = _words.Start;
        _ofDestination = _ofSource + WordsPerField;
        _ofService = _ofDestination + WordsPerField;
        _spread = (uint)hash.Compute(default(FlowKey)) | 1;
    }

    /// <summary>The bit of a subtable; another may have the same.</summary>
    public static ulong BitOf(int subtableId) => 1UL << (subtableId % SubtableBits);

    /// <summary>The bits of all subtables that may hold an entry for this packet. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Candidates(in FlowKey key) =>
        (_ofSource[IndexOf(key.NwSrc)] | _any.Start[0]) & (_ofDestination[IndexOf(key.NwDst)] | _any.Start[1]) & (_ofService[IndexOf(key.TpDst)] | _any.Start[2]);

    /// <summary>Before an entry comes into a subtable.</summary>
    public void Add(in FlowKey key, in FlowKey mask, int subtableId)
    {
        ulong bit = BitOf(subtableId);
        for (int field = 0; field < Fields; field++)
        {
            ulong* word = _any.Start + field;
            if (TryFindWord(field, key, mask, out int index))
            {
                word = _words.Start + index;
            }
            if ((*word & bit) == 0) // workers have the line: not written without need
            {
                Volatile.Write(ref *word, *word | bit);
            }
        }
    }

    /// <summary>After an entry has left a subtable.</summary>
    public void NoteRemoval(int subtableId, List<Subtable?> subtables)
    {
        int bit = subtableId % SubtableBits;
        if (++_removals[bit] < LeastRemovals)
        {
            return;
        }
        int left = 0;
        for (int id = bit; id < subtables.Count; id += SubtableBits)
        {
            left += subtables[id]?.Index.Count ?? 0;
        }
        if (_removals[bit] >= left)
        {
            Renew(bit, subtables);
        }
    }

    public void Dispose()
    {
        _words.Dispose();
        _any.Dispose();
    }

    /// <summary>Sets the bit of these subtables just where their entries are. Where it is needed it never vanishes.</summary>
    private void Renew(int bit, List<Subtable?> subtables)
    {
        _removals[bit] = 0;
        Array.Clear(_renewed);
        Span<bool> any = stackalloc bool[Fields];
        any.Clear();
        for (int id = bit; id < subtables.Count; id += SubtableBits)
        {
            foreach (uint entry in subtables[id]?.Index.ReadAll() ?? [])
            {
                for (int field = 0; field < Fields; field++)
                {
                    if (TryFindWord(field, _store.Entries[entry].Key, _maskOf[entry], out int index))
                    {
                        _renewed[index / SubtableBits] |= 1UL << (index % SubtableBits);
                    }
                    else
                    {
                        any[field] = true;
                    }
                }
            }
        }
        for (int index = 0; index < Fields * WordsPerField; index++)
        {
            Set(ref _words.Start[index], bit, (_renewed[index / SubtableBits] >> (index % SubtableBits) & 1) != 0);
        }
        for (int field = 0; field < Fields; field++)
        {
            Set(ref _any.Start[field], bit, any[field]);
        }
    }

    private static void Set(ref ulong word, int bit, bool value)
    {
        ulong changed = (word & ~(1UL << bit)) | ((value ? 1UL : 0) << bit);
        if (changed != word)
        {
            Volatile.Write(ref word, changed);
        }
    }

    /// <summary>Where a field of an entry has its word; false if the entry leaves bits of the field open that choose the word.</summary>
    private bool TryFindWord(int field, in FlowKey key, in FlowKey mask, out int index)
    {
        index = (field * WordsPerField) + (field switch
        {
            0 => IndexOf(key.NwSrc),
            1 => IndexOf(key.NwDst),
            _ => IndexOf(key.TpDst),
        });
        ushort compared = field switch
        {
            0 => Network(mask.NwSrc),
            1 => Network(mask.NwDst),
            _ => mask.TpDst.Raw,
        };
        return compared == ushort.MaxValue;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int IndexOf(Be32 address) => Spread(Network(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int IndexOf(Be16 port) => Spread(port.Raw);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Spread(ushort value) => (int)((value * _spread) >> (32 - IndexBits));

    /// <summary>The first two octets.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort Network(Be32 address) => BitConverter.IsLittleEndian ? (ushort)address.Raw : (ushort)(address.Raw >> 16);
}
