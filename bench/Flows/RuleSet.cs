using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Flows;

/// <summary>Rules with priorities in a given style, and flows that match them.</summary>
/// <remarks>
/// Addresses come from a few sites with networks and hosts, so prefixes nest and overlap. The narrower a rule the higher, by and
/// large, it stands, as people write them; each rule has a priority of its own, which the entries of a split port range share.
/// A flow is drawn from a random entry; a higher one may catch it, as in real life.
/// </remarks>
internal sealed class RuleSet : FlowSet
{
    private const int Sites = 12;
    private const int NetsPerSite = 24;
    private const int HostsPerNet = 40;
    private const int FirstHighPort = 1024;
    private const int MaxFewPorts = 8;

    // Places up or down that a rule may stand from where its width alone would put it.
    private const int OrderNoise = 24;

    private static readonly ushort[] WellKnownPorts =
        [20, 21, 22, 23, 25, 53, 67, 80, 110, 123, 135, 137, 139, 143, 161, 179, 389, 443, 445, 514, 636, 993, 995, 1433, 1521, 1723, 3306, 3389, 5060, 5432, 8080, 8443];

    private readonly RuleStyle _style;
    private readonly Random _random;
    private readonly BenchEntry[] _entries;
    private readonly (int Entry, FlowHeaders Fields)[] _flows;

    public RuleSet(RuleStyle style, int entries, int trafficFlows, int seed)
        : base(trafficFlows)
    {
        _style = style;
        _random = new Random(seed);
        _entries = MakeEntries(entries);
        _flows = new (int, FlowHeaders)[trafficFlows];
        for (int i = 0; i < trafficFlows; i++)
        {
            int entry = _random.Next(entries);
            _flows[i] = (entry, Draw(_entries[entry].Match));
        }
    }

    public override IEnumerable<BenchEntry> Entries => _entries;

    public override FlowHeaders FieldsOf(int flow) => _flows[flow].Fields;

    public override FlowMatch MatchOf(int flow) => _entries[_flows[flow].Entry].Match;

    private BenchEntry[] MakeEntries(int count)
    {
        var rules = new List<FlowMatch[]>();
        var seen = new HashSet<FlowMatch>();
        for (int made = 0; made < count;)
        {
            FlowMatch[] rule = [.. MakeRule().Where(seen.Add).Take(count - made)];
            made += rule.Length;
            if (rule.Length > 0)
            {
                rules.Add(rule);
            }
        }
        FlowMatch[][] ordered = [.. rules.OrderByDescending(rule => WidthOf(rule[0]) + _random.Next(-OrderNoise, OrderNoise))];
        // Falling priorities, the last above 0; sets beyond 2^16 rules would share some.
        return [.. ordered.SelectMany((rule, place) => rule.Select(match => new BenchEntry(match, (ushort)Math.Max(1, ushort.MaxValue - 1 - place))))];
    }

    /// <summary>One rule: an entry, or several for a range of ports.</summary>
    private List<FlowMatch> MakeRule()
    {
        int sourceLength = Choose(_style.Sources);
        int destinationLength = Choose(_style.Destinations);
        FlowMatch match = FlowMatch.Any with { DlType = EtherType.Ipv4, NwSrc = Address(sourceLength), NwDst = Address(destinationLength) };
        match.Wildcards &= ~FlowWildcards.DlType;
        match.SetNwWildBits(32 - sourceLength, 32 - destinationLength);
        if (Choose(_style.Protocols) is byte protocol)
        {
            match.Wildcards &= ~FlowWildcards.NwProto;
            match.NwProto = protocol;
        }
        if (match.NwProto is not (IpProtocol.Tcp or IpProtocol.Udp))
        {
            return [match]; // ports mean something only below TCP and UDP (§3.4)
        }
        List<FlowMatch> rule = [];
        foreach (ushort? source in Ports(Choose(_style.SourcePorts)))
        {
            foreach (ushort? destination in Ports(Choose(_style.DestinationPorts)))
            {
                rule.Add(WithPorts(match, source, destination));
            }
        }
        return rule;
    }

    private static FlowMatch WithPorts(FlowMatch match, ushort? source, ushort? destination)
    {
        match.Wildcards &= ~((source != null ? FlowWildcards.TpSrc : 0) | (destination != null ? FlowWildcards.TpDst : 0));
        match.TpSrc = source ?? 0;
        match.TpDst = destination ?? 0;
        return match;
    }

    /// <summary>The ports to make entries for; null for one entry that leaves the port open.</summary>
    private ushort?[] Ports(RulePortMatch kind)
    {
        switch (kind)
        {
            case RulePortMatch.Exact:
                return [ExactPort()];
            case RulePortMatch.FewPorts:
                int first = _random.Next(FirstHighPort, ushort.MaxValue - MaxFewPorts);
                return [.. Enumerable.Range(first, _random.Next(2, MaxFewPorts + 1)).Select(port => (ushort?)port)];
            default:
                return [null];
        }
    }

    private ushort ExactPort() => _random.Next(4) > 0
        ? WellKnownPorts[_random.Next(WellKnownPorts.Length)]
        : (ushort)_random.Next(FirstHighPort, ushort.MaxValue + 1);

    private uint Address(int length)
    {
        uint site = (uint)_random.Next(Sites) * 0x0123_4567u;
        uint net = (uint)_random.Next(NetsPerSite) * 5;
        uint host = (uint)_random.Next(HostsPerNet) * 6;
        uint address = (0x0a00_0000 + (site & 0xffff_0000)) | ((net & 0xff) << 8) | (host & 0xff);
        return length == 0 ? 0 : address & (uint.MaxValue << (32 - length));
    }

    private FlowHeaders Draw(in FlowMatch match)
    {
        byte protocol = (match.Wildcards & FlowWildcards.NwProto) == 0 ? match.NwProto : _random.Next(2) == 0 ? IpProtocol.Tcp : IpProtocol.Udp;
        bool hasPorts = protocol is IpProtocol.Tcp or IpProtocol.Udp;
        return new FlowHeaders(
            DlSrc,
            DlDst,
            protocol,
            match.NwSrc | Bits(match.NwSrcWildBits),
            match.NwDst | Bits(match.NwDstWildBits),
            !hasPorts ? (ushort)0 : (match.Wildcards & FlowWildcards.TpSrc) == 0 ? match.TpSrc : (ushort)Bits(16),
            !hasPorts ? (ushort)0 : (match.Wildcards & FlowWildcards.TpDst) == 0 ? match.TpDst : (ushort)Bits(16));
    }

    private uint Bits(int count) => (uint)_random.NextInt64(1L << count);

    private T Choose<T>((T Value, int Weight)[] choices)
    {
        int at = _random.Next(choices.Sum(choice => choice.Weight));
        foreach ((T value, int weight) in choices)
        {
            at -= weight;
            if (at < 0)
            {
                return value;
            }
        }
        return choices[^1].Value;
    }

    /// <summary>How many bits a match compares: the more the narrower.</summary>
    private static int WidthOf(in FlowMatch match) => 64 - match.NwSrcWildBits - match.NwDstWildBits
        + Bits(match, FlowWildcards.NwProto, 8) + Bits(match, FlowWildcards.TpSrc, 16) + Bits(match, FlowWildcards.TpDst, 16);

    private static int Bits(in FlowMatch match, FlowWildcards field, int count) => (match.Wildcards & field) == 0 ? count : 0;
}
