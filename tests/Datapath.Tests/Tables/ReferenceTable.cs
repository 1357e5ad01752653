using Softswitch.Datapath.Flows;

namespace Softswitch.Datapath.Tests.Tables;

/// <summary>A flow table as a list searched from end to end, with the specification's rules spelled out on match fields: the oracle.</summary>
internal sealed class ReferenceTable
{
    private readonly List<Entry> _entries = [];

    public int Count => _entries.Count;

    public IReadOnlyList<Entry> Entries => _entries;

    /// <summary>The cookie of the entry that treats a packet with these fields, or null.</summary>
    public ulong? Find(in FlowMatch packet)
    {
        Entry? best = null;
        foreach (Entry entry in _entries) // oldest first: of equals the first found stays
        {
            if (Matches(entry.Fields, packet) && (best == null || Rank(entry) > Rank(best)))
            {
                best = entry;
            }
        }
        return best?.Cookie;
    }

    /// <summary>The cookies of all entries that match a packet, best first.</summary>
    public IEnumerable<ulong> FindAll(FlowMatch packet) => _entries
        .Where(entry => Matches(entry.Fields, packet))
        .OrderByDescending(Rank) // which leaves equals in their order
        .Select(entry => entry.Cookie);

    public void Add(in FlowMatch match, ushort priority, ulong cookie)
    {
        Entry added = new(match, priority, cookie);
        int identical = _entries.FindIndex(e => AreIdentical(e, added));
        if (identical >= 0)
        {
            _entries[identical] = added;
        }
        else
        {
            _entries.Add(added);
        }
    }

    public void Delete(FlowMatch match, bool strict, ushort priority)
    {
        Entry meant = new(match, priority, 0);
        _entries.RemoveAll(e => strict ? AreIdentical(e, meant) : Covers(meant, e));
    }

    /// <summary>MODIFY: new cookie (standing for new actions) for every entry meant; an ADD if there is none.</summary>
    public void Modify(FlowMatch match, bool strict, ushort priority, ulong cookie)
    {
        Entry meant = new(match, priority, 0);
        bool any = false;
        for (int i = 0; i < _entries.Count; i++)
        {
            Entry e = _entries[i];
            if (strict ? AreIdentical(e, meant) : Covers(meant, e))
            {
                _entries[i] = e with { Cookie = cookie };
                any = true;
            }
        }
        if (!any)
        {
            Add(match, priority, cookie);
        }
    }

    /// <summary>OFPFF_CHECK_OVERLAP: whether one packet could match this and an entry of the same priority, exact ones having the highest.</summary>
    public bool Overlaps(FlowMatch match, ushort priority) =>
        _entries.Exists(e => OverlapRank(e.Match, e.Priority) == OverlapRank(match, priority) && Agree(e.Match, match));

    private static int Rank(Entry entry) => IsExact(entry.Match) ? int.MaxValue : entry.Priority;

    private static int OverlapRank(in FlowMatch match, ushort priority) => IsExact(match) ? ushort.MaxValue : priority;

    private static bool AreIdentical(Entry a, Entry b) =>
        IsExact(a.Match) == IsExact(b.Match) && (IsExact(b.Match) || a.Priority == b.Priority) && a.Fields.SequenceEqual(b.Fields);

    /// <summary>No field that both compare rules out that a packet matches both.</summary>
    private static bool Agree(in FlowMatch a, in FlowMatch b)
    {
        List<Field> others = FieldsOf(b);
        bool Untagged(Field f) => f.Kind == FieldKind.DlVlan && f.Value == FlowMatch.VlanNone;
        bool Contradict(Field x, Field y) =>
            (x.Kind == y.Kind && ((x.Value ^ y.Value) & x.Mask & y.Mask) != 0) || (Untagged(x) && y.Kind == FieldKind.TaggedPcp);
        return !FieldsOf(a).Exists(x => others.Exists(y => Contradict(x, y) || Contradict(y, x)));
    }

    private static bool IsExact(in FlowMatch match) => (match.Wildcards & FlowWildcards.All) == 0;

    public static bool Matches(in FlowMatch match, in FlowMatch packet) => Matches(FieldsOf(match), packet);

    private static bool Matches(List<Field> fields, in FlowMatch packet)
    {
        foreach (Field field in fields)
        {
            if ((Get(packet, field.Kind) & field.Mask) != field.Value)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Every field the wider compares, the narrower compares too, and alike.</summary>
    private static bool Covers(Entry wide, Entry narrow)
    {
        foreach (Field w in wide.Fields)
        {
            if (!narrow.Fields.Exists(n => n.Kind == w.Kind && (n.Mask & w.Mask) == w.Mask && (n.Value & w.Mask) == w.Value))
            {
                return false;
            }
        }
        return true;
    }

    private static List<Field> FieldsOf(FlowMatch m)
    {
        List<Field> fields = [];
        bool exact = IsExact(m);
        void Want(FlowWildcards wildcard, FieldKind kind, ulong value, ulong mask = ulong.MaxValue)
        {
            if ((m.Wildcards & wildcard) == 0 && mask != 0)
            {
                fields.Add(new Field(kind, value & mask, mask));
            }
        }
        bool typed = (m.Wildcards & FlowWildcards.DlType) == 0;
        bool ip = typed && m.DlType == 0x800;
        bool network = ip || (typed && m.DlType == 0x806);
        bool transport = ip && (m.Wildcards & FlowWildcards.NwProto) == 0 && m.NwProto is 1 or 6 or 17;
        Want(FlowWildcards.InPort, FieldKind.InPort, m.InPort);
        Want(FlowWildcards.DlSrc, FieldKind.DlSrc, m.DlSrc.Value);
        Want(FlowWildcards.DlDst, FieldKind.DlDst, m.DlDst.Value);
        Want(FlowWildcards.DlType, FieldKind.DlType, m.DlType);
        Want(FlowWildcards.DlVlan, FieldKind.DlVlan, m.DlVlan);
        bool untagged = (m.Wildcards & FlowWildcards.DlVlan) == 0 && m.DlVlan == FlowMatch.VlanNone;
        if (!untagged)
        {
            Want(FlowWildcards.DlVlanPcp, FieldKind.TaggedPcp, m.DlVlanPcp);
        }
        if (network || exact)
        {
            Want(0, FieldKind.NwSrc, network ? m.NwSrc : 0, Prefix(m.NwSrcWildBits));
            Want(0, FieldKind.NwDst, network ? m.NwDst : 0, Prefix(m.NwDstWildBits));
            Want(FlowWildcards.NwProto, FieldKind.NwProto, network ? m.NwProto : 0UL);
        }
        if (ip || exact)
        {
            Want(FlowWildcards.NwTos, FieldKind.NwTos, ip ? m.NwTos & 0xfcUL : 0UL);
        }
        if (transport || exact)
        {
            Want(FlowWildcards.TpSrc, FieldKind.TpSrc, transport ? m.TpSrc : 0UL);
            Want(FlowWildcards.TpDst, FieldKind.TpDst, transport ? m.TpDst : 0UL);
        }
        return fields;
    }

    private static ulong Prefix(int wildBits) => wildBits >= 32 ? 0 : uint.MaxValue << wildBits;

    private static ulong Get(in FlowMatch packet, FieldKind kind) => kind switch
    {
        FieldKind.InPort => packet.InPort,
        FieldKind.DlSrc => packet.DlSrc.Value,
        FieldKind.DlDst => packet.DlDst.Value,
        FieldKind.DlType => packet.DlType,
        FieldKind.DlVlan => packet.DlVlan,
        // An untagged packet has no priority: no value equals it.
        FieldKind.TaggedPcp => packet.DlVlan == FlowMatch.VlanNone ? ulong.MaxValue : packet.DlVlanPcp,
        FieldKind.NwSrc => packet.NwSrc,
        FieldKind.NwDst => packet.NwDst,
        FieldKind.NwProto => packet.NwProto,
        FieldKind.NwTos => packet.NwTos,
        FieldKind.TpSrc => packet.TpSrc,
        _ => packet.TpDst,
    };

    internal sealed record Entry(FlowMatch Match, ushort Priority, ulong Cookie)
    {
        /// <summary>What it compares, read from its match once.</summary>
        public List<Field> Fields { get; } = FieldsOf(Match);
    }

    internal enum FieldKind
    {
        InPort,
        DlSrc,
        DlDst,
        DlType,
        DlVlan,
        TaggedPcp,
        NwSrc,
        NwDst,
        NwProto,
        NwTos,
        TpSrc,
        TpDst,
    }

    internal readonly record struct Field(FieldKind Kind, ulong Value, ulong Mask);
}
