using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Flows;

/// <summary>One entry without wildcards for each flow.</summary>
internal sealed class ExactFlows(int entries, int inputs) : FlowSet(entries)
{
    public override IEnumerable<BenchEntry> Entries =>
        Enumerable.Range(0, TrafficFlows).Select(flow => new BenchEntry(MatchOf(flow), 0x8000));

    public override FlowHeaders FieldsOf(int flow) => Distinct(flow);

    public override FlowMatch MatchOf(int flow) => FieldsOf(flow).ToMatch(InPortOf(flow, inputs));
}

/// <summary>One entry for each input port, on in_port alone.</summary>
internal sealed class InPortFlows(int trafficFlows, int inputs) : FlowSet(trafficFlows)
{
    public override IEnumerable<BenchEntry> Entries =>
        Enumerable.Range(0, inputs).Select(flow => new BenchEntry(MatchOf(flow), 0x8000));

    public override FlowHeaders FieldsOf(int flow) => Distinct(flow);

    public override FlowMatch MatchOf(int flow) => FlowMatch.Any with
    {
        Wildcards = FlowWildcards.All & ~FlowWildcards.InPort,
        InPort = InPortOf(flow, inputs),
    };
}

/// <summary>Routes to single hosts: entries on nw_dst.</summary>
internal sealed class HostRoutes(int entries, int trafficFlows) : FlowSet(trafficFlows)
{
    private const uint HostNet = 0x0c00_0000;

    // Odd: consecutive routes lie far apart.
    private const uint Stride = 0x9e_3779;

    public override IEnumerable<BenchEntry> Entries =>
        Enumerable.Range(0, entries).Select(route => new BenchEntry(Match(route), 0x8000));

    public override FlowHeaders FieldsOf(int flow) => Distinct(flow) with { NwDst = Host(flow % entries) };

    public override FlowMatch MatchOf(int flow) => Match(flow % entries);

    private static uint Host(int route) => HostNet | (((uint)route * Stride) & 0x00ff_ffff);

    private static FlowMatch Match(int route)
    {
        FlowMatch match = FlowMatch.Any with { DlType = EtherType.Ipv4, NwDst = Host(route) };
        match.Wildcards &= ~FlowWildcards.DlType;
        match.SetNwWildBits(32, 0);
        return match;
    }
}
