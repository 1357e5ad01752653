using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>An entry of a path.</summary>
/// <param name="Switch">Datapath id.</param>
internal sealed record PathFlow(ulong Switch, ParsedFlow Flow)
{
    /// <summary>Whether both are the same entry of the same table, whatever they do.</summary>
    public bool IsSamePlace(PathFlow other) => Switch == other.Switch && Flow.Priority == other.Flow.Priority && Flow.Match == other.Flow.Match;

    public bool DoesTheSame(PathFlow other) => Flow.Actions.SequenceEqual(other.Flow.Actions);
}

/// <summary>What leads from one path of a session to another.</summary>
/// <param name="Next">The other.</param>
/// <param name="Added">Entries that match nothing of what is on the old path: adding them does not touch the service.</param>
/// <param name="Changed">Entries of the old path that get other actions.</param>
/// <param name="Gone">Entries of the old path that are not needed any more.</param>
internal sealed record PathChange(
    IReadOnlyList<PathFlow> Next, IReadOnlyList<PathFlow> Added, IReadOnlyList<PathFlow> Changed, IReadOnlyList<PathFlow> Gone)
{
    public static PathChange Between(IReadOnlyList<PathFlow> old, IReadOnlyList<PathFlow> next) => new(
        next,
        [.. next.Where(flow => !old.Any(flow.IsSamePlace))],
        [.. next.Where(flow => old.Any(other => flow.IsSamePlace(other) && !flow.DoesTheSame(other)))],
        [.. old.Where(flow => !next.Any(flow.IsSamePlace))]);
}

/// <summary>The entries that carry a session both ways: through one virtual switch, or through those of two sites and their gateways.</summary>
internal static class SessionPath
{
    /// <summary>VLAN of the gateway's outer side on its only cable.</summary>
    public const ushort UplinkVlan = 300;

    private const string InPort = "IN_PORT";
    private const string Untagged = "0xffff"; // OFP_VLAN_NONE

    /// <summary>Whether it goes by the gateways, and so needs a port of theirs.</summary>
    public static bool CrossesSites(Attachment source, Attachment destination) => source.Site != destination.Site;

    /// <param name="vlan">The network it belongs to, between virtual switch and gateway.</param>
    /// <param name="assigned">The port that stands for it between the gateways; of no meaning within a site.</param>
    public static IReadOnlyList<PathFlow> Make(Session session, Attachment source, Attachment destination, ushort vlan, ushort assigned)
    {
        if (!CrossesSites(source, destination))
        {
            return Read("l3mig/local.flows", source.Site.VirtualSwitch, Words(session, source, destination));
        }
        return
        [
            .. MakeEnd(session, source, destination, vlan, assigned),
            .. MakeEnd(session.Reversed, destination, source, vlan, assigned),
        ];
    }

    /// <summary>Entries that every switch of a site has.</summary>
    public static IReadOnlyList<PathFlow> MakeBase(L3Site site) =>
    [
        .. Read("l3mig/base.flows", site.VirtualSwitch, []),
        .. Read("l3mig/base.flows", site.Gateway, []),
        .. site.HasOneArm ? Read("l3mig/transit.flows", site.VirtualSwitch, [.. WordsOf(site), ("<router-at>", $"{site.RouterAt}")]) : [],
    ];

    /// <summary>The same way without a rewrite, for machines whose addresses the network outside knows.</summary>
    /// <param name="port">Of the virtual switch, where the machine here is.</param>
    public static IReadOnlyList<PathFlow> MakePlain(L3Site here, L3Site there, ushort port, ushort vlan)
    {
        (string, string)[] words =
        [
            .. WordsOf(here), ("<here-net>", here.PlainNetwork), ("<there-net>", there.PlainNetwork), ("<here-at>", $"{port}"), ("<vlan>", $"{vlan}"),
        ];
        return [.. Read("l3mig/plain-site.flows", here.VirtualSwitch, words), .. Read("l3mig/plain-gateway.flows", here.Gateway, words)];
    }

    private static IReadOnlyList<PathFlow> MakeEnd(Session session, Attachment here, Attachment there, ushort vlan, ushort assigned)
    {
        (string, string)[] words =
        [
            .. Words(session, here, there), .. WordsOf(here.Site),
            ("<far-gateway>", Ipv4Text.Format(there.Site.PublicAddress)), ("<vlan>", $"{vlan}"), ("<assigned>", $"{assigned}"),
        ];
        return [.. Read("l3mig/site.flows", here.Site.VirtualSwitch, words), .. Read("l3mig/gateway.flows", here.Site.Gateway, words)];
    }

    private static (string, string)[] Words(Session session, Attachment here, Attachment there) =>
    [
        ("<protocol>", session.ProtocolWord),
        ("<here>", Ipv4Text.Format(session.Source)), ("<there>", Ipv4Text.Format(session.Destination)),
        ("<here-port>", $"{session.SourcePort}"), ("<there-port>", $"{session.DestinationPort}"),
        ("<here-at>", $"{here.Port}"), ("<there-at>", $"{there.Port}"),
        ("<here-mac>", $"{here.HardwareAddress}"), ("<there-mac>", $"{there.HardwareAddress}"),
    ];

    private static (string, string)[] WordsOf(L3Site site) =>
    [
        ("<gateway-at>", $"{site.GatewayAt}"), ("<gateway-mac>", $"{site.GatewayAddress}"), ("<gateway>", Ipv4Text.Format(site.PublicAddress)),
        ("<next-hop>", $"{site.NextHop}"), ("<site-at>", $"{site.SiteAt}"), ("<up-at>", $"{site.UpAt}"),
        ("<up>", site.HasOneArm ? InPort : $"{site.UpAt}"), ("<down>", site.HasOneArm ? InPort : $"{site.SiteAt}"),
        ("<up-vlan>", site.HasOneArm ? $"{UplinkVlan}" : Untagged), ("<up-tag>", site.HasOneArm ? $"mod_vlan_vid:{UplinkVlan}" : "strip_vlan"),
    ];

    private static IReadOnlyList<PathFlow> Read(string file, ulong to, (string, string)[] words) => [.. FlowFile.Read(file, words).Select(flow => new PathFlow(to, flow))];
}
