using System.Globalization;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>A row of a routing table.</summary>
/// <param name="Gateway">0 where the network is at the interface itself.</param>
internal sealed record RouteEntry(Ipv4Prefix Network, Be32 Gateway, string Interface, int Metric);

/// <summary>Where a packet goes next.</summary>
internal readonly record struct NextHop(string Interface, MacAddress HardwareAddress);

/// <summary>The routes and neighbours of a router, as its kernel has them: what a routing daemon decided.</summary>
internal sealed class RoutingTable
{
    private const int UpFlag = 0x1; // RTF_UP, route(7)
    private const int RejectFlag = 0x200; // RTF_REJECT
    private const int CompleteFlag = 0x2; // ATF_COM, arp(7)

    private readonly List<RouteEntry> _routes; // the narrowest first, then the least metric
    private readonly Dictionary<Be32, MacAddress> _neighbours;

    public RoutingTable(IEnumerable<RouteEntry> routes, IReadOnlyDictionary<Be32, MacAddress> neighbours)
    {
        _routes = [.. routes.OrderByDescending(route => route.Network.Length).ThenBy(route => route.Metric)];
        _neighbours = new Dictionary<Be32, MacAddress>(neighbours);
    }

    public IReadOnlyList<RouteEntry> Routes => _routes;

    public IReadOnlyDictionary<Be32, MacAddress> Neighbours => _neighbours;

    /// <summary>Reads what the kernel says of itself.</summary>
    /// <param name="routes">/proc/net/route (proc(5)): addresses in hexadecimal as they stand in memory.</param>
    /// <param name="neighbours">/proc/net/arp.</param>
    public static RoutingTable Parse(string routes, string neighbours)
    {
        var found = new Dictionary<Be32, MacAddress>();
        foreach (string[] columns in Rows(neighbours, atLeast: 4))
        {
            // address, hardware type, flags, hardware address
            if (Ipv4Text.TryParse(columns[0], out Be32 address) && (Hex(columns[2][2..]) & CompleteFlag) != 0 && MacAddress.TryParse(columns[3], out MacAddress hardware))
            {
                found[address] = hardware;
            }
        }
        // interface, destination, gateway, flags, references, use, metric, mask
        return new RoutingTable(
            Rows(routes, atLeast: 8).Where(columns => (Hex(columns[3]) & (UpFlag | RejectFlag)) == UpFlag).Select(columns => new RouteEntry(
                new Ipv4Prefix(new Be32(Hex(columns[1])), int.PopCount((int)Hex(columns[7]))),
                new Be32(Hex(columns[2])), columns[0], int.Parse(columns[6], CultureInfo.InvariantCulture))),
            found);
    }

    /// <summary>The way to an address: longest prefix, then least metric. Null where there is no route, or the next hop's hardware address is not known yet.</summary>
    public NextHop? Find(Be32 destination)
    {
        RouteEntry? route = _routes.Find(route => route.Network.Contains(destination));
        return route != null && _neighbours.TryGetValue(route.Gateway.Raw == 0 ? destination : route.Gateway, out MacAddress hardware)
            ? new NextHop(route.Interface, hardware)
            : null;
    }

    /// <summary>Whether routes and neighbours are the same.</summary>
    public bool Agrees(RoutingTable other) =>
        _routes.SequenceEqual(other._routes) && _neighbours.Count == other._neighbours.Count && !_neighbours.Except(other._neighbours).Any();

    private static IEnumerable<string[]> Rows(string text, int atLeast) =>
        text.Split('\n').Skip(1).Select(line => line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)).Where(columns => columns.Length >= atLeast);

    private static uint Hex(string text) => uint.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
