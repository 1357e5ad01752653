using Softswitch.Bench.Flows;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Attacks;

/// <summary>One flow-mod of those that make an attack's table.</summary>
internal readonly record struct AttackChange(BenchEntry Entry, bool IsDelete);

/// <summary>Entries and packets drawn as an <see cref="AttackSpec"/> says, and an entry below all others for all packets.</summary>
internal sealed class AttackSet : FlowSet
{
    /// <summary>Flows of the traffic: twice what a worker's cache holds, so that it is of no use.</summary>
    public const int DefaultTraffic = 1 << 19;

    private const int Seed = 20_190_827;
    private const ushort OnePriority = 0x8000;

    // An entry that is there already is drawn again. When nearly all are, there are not enough different ones.
    private const int MostDrawsForOne = 64;

    private const uint AttackedSource = 0x0a5a_3cc3;
    private const uint AttackedDestination = 0xc0a5_96b4;
    private const ushort AttackedTpSrc = 0x3c5a;
    private const ushort AttackedTpDst = 0x1f90;
    private const ushort WrongInPort = 1000;

    private readonly AttackSpec _spec;
    private readonly int _inputs;
    private readonly Random _random = new(Seed);
    private readonly FlowHeaders[] _flows;
    private readonly List<AttackChange> _changes = [];
    private readonly List<BenchEntry> _entries = [];

    private AttackSet(AttackSpec spec, int trafficFlows, int inputs)
        : base(trafficFlows)
    {
        _spec = spec;
        _inputs = inputs;
        _flows = new FlowHeaders[trafficFlows];
    }

    /// <summary>Null if there are not as many different entries.</summary>
    /// <param name="entries">Entries in the finished table, one of which matches everything.</param>
    /// <param name="inputs">Ports that packets come in by: 1 to so many.</param>
    public static AttackSet? TryMake(AttackSpec spec, int entries, int trafficFlows, int inputs)
    {
        var set = new AttackSet(spec, trafficFlows, inputs);
        if (!set.TryMakeChanges(entries))
        {
            return null;
        }
        for (int flow = 0; flow < trafficFlows; flow++)
        {
            set._flows[flow] = set.MakeFlow(flow);
        }
        return set;
    }

    /// <summary>The entries that are there after all changes.</summary>
    public override IEnumerable<BenchEntry> Entries => _entries;

    /// <summary>The flow-mods that make the table, in their order.</summary>
    public IReadOnlyList<AttackChange> Changes => _changes;

    /// <summary>As many as are ever there at once.</summary>
    public int MostEntries => _entries.Count * _spec.Peak;

    /// <summary>How many of the flows differ from all others.</summary>
    public int DistinctFlows => _flows.Distinct().Count();

    public override FlowHeaders FieldsOf(int flow) => _flows[flow];

    /// <summary>No entry is meant for a flow: nothing of it is free.</summary>
    public override FlowMatch MatchOf(int flow) => FieldsOf(flow).ToMatch(InPortOf(flow, _inputs));

    private bool IsTagged => (_spec.Fields & (FlowWildcards.DlVlan | FlowWildcards.DlVlanPcp)) != 0;

    private bool TryMakeChanges(int entries)
    {
        int own = entries - 1;
        int first = own * _spec.Peak;
        int half = Math.Max(1, own / 2);
        if (TryMakeMatches(first + (_spec.Churn * half)) is not { } matches)
        {
            return false;
        }
        Add(new BenchEntry(FlowMatch.Any, 0));
        for (int i = 0; i < matches.Count; i++)
        {
            if (i >= first && (i - first) % half == 0)
            {
                DeleteDownTo(Math.Max(0, own - half));
            }
            Add(new BenchEntry(matches[i], PriorityOf(i, matches.Count)));
        }
        DeleteDownTo(own);
        return true;
    }

    private void Add(in BenchEntry entry)
    {
        _entries.Add(entry);
        _changes.Add(new AttackChange(entry, IsDelete: false));
    }

    /// <summary>Leaves so many, any of them, beside the first.</summary>
    private void DeleteDownTo(int count)
    {
        while (_entries.Count - 1 > count)
        {
            int at = _random.Next(1, _entries.Count);
            _changes.Add(new AttackChange(_entries[at], IsDelete: true));
            _entries[at] = _entries[^1];
            _entries.RemoveAt(_entries.Count - 1);
        }
    }

    private ushort PriorityOf(int place, int count) => _spec.Priorities switch
    {
        AttackPriorities.Rising => (ushort)(1 + (place * 65_000L / count)),
        AttackPriorities.Falling => (ushort)(65_000 - (place * 65_000L / count)),
        AttackPriorities.Random => (ushort)_random.Next(1, ushort.MaxValue),
        _ => OnePriority,
    };

    private List<FlowMatch>? TryMakeMatches(int count)
    {
        var made = new List<FlowMatch>(count);
        var seen = new HashSet<FlowMatch> { FlowMatch.Any };
        for (int draws = 0; made.Count < count; draws++)
        {
            if (draws > MostDrawsForOne * (made.Count + 1000L))
            {
                return null;
            }
            FlowMatch match = MakeMatch();
            // One without wildcards would be in the other table.
            if ((match.Wildcards & FlowWildcards.All) != FlowWildcards.None && seen.Add(match))
            {
                made.Add(match);
            }
        }
        return _spec.Order switch
        {
            AttackOrder.Narrow => [.. made.OrderByDescending(BitsOf)],
            AttackOrder.Wide => [.. made.OrderBy(BitsOf)],
            _ => made,
        };
    }

    private FlowMatch MakeMatch()
    {
        int source = _random.Next(_spec.Source.Least, _spec.Source.Most + 1);
        int destination = _random.Next(_spec.Destination.Least, _spec.Destination.Most + 1);
        FlowWildcards compared = FlowWildcards.None;
        foreach (FlowWildcards field in FieldsIn(_spec.Fields))
        {
            compared |= _random.NextDouble() < _spec.Share ? field : FlowWildcards.None;
        }
        // What a field means nothing without (§3.4).
        compared |= (compared & (FlowWildcards.TpSrc | FlowWildcards.TpDst)) != 0 ? FlowWildcards.NwProto : FlowWildcards.None;
        bool isNetwork = source + destination > 0 || (compared & (FlowWildcards.NwTos | FlowWildcards.NwProto)) != 0;
        compared |= isNetwork ? FlowWildcards.DlType : FlowWildcards.None;

        int row = _random.Next(_spec.Values);
        FlowMatch match = FlowMatch.Any;
        match.Wildcards &= ~compared;
        match.SetNwWildBits(32 - source, 32 - destination);
        match.NwSrc = Address(AttackedSource, ValueIn(row)) & PrefixMask(source);
        match.NwDst = Address(AttackedDestination, ValueIn(row)) & PrefixMask(destination);
        foreach (FlowWildcards field in FieldsIn(compared))
        {
            Set(ref match, field, ValueIn(row), isWrong: false);
        }
        if (_random.NextDouble() >= _spec.Matching)
        {
            MakeWrong(ref match, compared & ~(isNetwork ? FlowWildcards.DlType : FlowWildcards.None), source, destination);
        }
        return match;
    }

    /// <summary>Makes as many of its fields wrong as there are to be, and as it has.</summary>
    private void MakeWrong(ref FlowMatch match, FlowWildcards exact, int source, int destination)
    {
        List<FlowWildcards> parts = _spec.WrongIn == AttackedPart.Prefix ? [] : [.. FieldsIn(exact)];
        if (_spec.WrongIn != AttackedPart.Exact)
        {
            parts.AddRange(source > 0 ? [FlowWildcards.NwSrcMask] : []);
            parts.AddRange(destination > 0 ? [FlowWildcards.NwDstMask] : []);
        }
        for (int count = Math.Min(_spec.Wrong, parts.Count); count > 0; count--)
        {
            int at = _random.Next(parts.Count);
            switch (parts[at])
            {
                case FlowWildcards.NwSrcMask:
                    match.NwSrc ^= 1u << (32 - source);
                    break;
                case FlowWildcards.NwDstMask:
                    match.NwDst ^= 1u << (32 - destination);
                    break;
                default:
                    Set(ref match, parts[at], _spec.Values + _random.Next(_spec.Values), isWrong: true);
                    break;
            }
            parts.RemoveAt(at);
        }
    }

    private FlowHeaders MakeFlow(int flow)
    {
        int row = _random.Next(_spec.Values);
        FlowMatch packet = default;
        packet.DlSrc = new MacAddress(DlSrc ^ (uint)_random.Next(1 << 24));
        packet.DlDst = new MacAddress(DlDst);
        packet.TpSrc = (ushort)_random.Next(1 << 16);
        packet.TpDst = (ushort)_random.Next(1 << 16);
        packet.NwSrc = Address(AttackedSource, Drawn(row)) ^ LowBits(_spec.Vary);
        packet.NwDst = Address(AttackedDestination, Drawn(row)) ^ LowBits(_spec.Vary);
        foreach (FlowWildcards field in FieldsIn(_spec.Fields))
        {
            Set(ref packet, field, field == FlowWildcards.InPort ? flow : Drawn(row), isWrong: false);
        }
        return new FlowHeaders(
            packet.DlSrc.Value, packet.DlDst.Value, IpProtocol.Udp, packet.NwSrc, packet.NwDst, packet.TpSrc, packet.TpDst)
        {
            NwTos = packet.NwTos,
            VlanTag = IsTagged ? (ushort)((packet.DlVlanPcp << 13) | Math.Max((ushort)1, packet.DlVlan)) : null,
        };
    }

    /// <summary>Which of its values a field has in a packet.</summary>
    private int Drawn(int row) => _random.NextDouble() < _spec.Stray ? _random.Next() : ValueIn(row);

    private int ValueIn(int row) => _spec.Together ? row : _random.Next(_spec.Values);

    /// <param name="value">Values from the number of attacked ones on are those of no packet, where the field has room for so many.</param>
    private void Set(ref FlowMatch match, FlowWildcards field, int value, bool isWrong)
    {
        switch (field)
        {
            case FlowWildcards.InPort:
                match.InPort = isWrong ? WrongInPort : InPortOf(value, _inputs);
                break;
            case FlowWildcards.DlSrc:
                match.DlSrc = new MacAddress(DlSrc + ((ulong)value << 8));
                break;
            case FlowWildcards.DlDst:
                match.DlDst = new MacAddress(DlDst + ((ulong)value << 8));
                break;
            case FlowWildcards.DlVlan:
                match.DlVlan = (ushort)(1 + (value % 4094));
                break;
            case FlowWildcards.DlVlanPcp:
                match.DlVlanPcp = (byte)(value & 7);
                break;
            case FlowWildcards.DlType:
                match.DlType = isWrong ? EtherType.Arp : EtherType.Ipv4;
                break;
            case FlowWildcards.NwTos:
                match.NwTos = (byte)(value << 2);
                break;
            case FlowWildcards.NwProto:
                match.NwProto = isWrong ? IpProtocol.Tcp : IpProtocol.Udp;
                break;
            case FlowWildcards.TpSrc:
                match.TpSrc = (ushort)(AttackedTpSrc + value);
                break;
            default:
                match.TpDst = (ushort)(AttackedTpDst + value);
                break;
        }
    }

    /// <summary>The attacked address of that number: like the first but for its low bits.</summary>
    private uint Address(uint first, int value) => first ^ ((uint)value * 0x9e37_79b1 & (uint)((1UL << _spec.Spread) - 1));

    private uint LowBits(int count) => (uint)_random.NextInt64(1L << count);

    private static uint PrefixMask(int length) => length == 0 ? 0 : uint.MaxValue << (32 - length);

    private static IEnumerable<FlowWildcards> FieldsIn(FlowWildcards fields)
    {
        for (uint rest = (uint)fields; rest != 0; rest &= rest - 1)
        {
            yield return (FlowWildcards)(rest & (0 - rest));
        }
    }

    /// <summary>About how many bits it compares.</summary>
    private static int BitsOf(FlowMatch match)
    {
        FlowWildcards exact = FlowWildcards.All & ~(match.Wildcards | FlowWildcards.NwSrcMask | FlowWildcards.NwDstMask);
        return 64 - match.NwSrcWildBits - match.NwDstWildBits + (16 * FieldsIn(exact).Count());
    }
}
