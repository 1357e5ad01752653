using Softswitch.Datapath.Headers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Ports.Tunnels.NextHops;

/// <summary>Where packets to an IPv4 address go first: connected networks, static routes, the default, longest prefix first.</summary>
/// <remarks>Threads: any; it never changes. A handful of routes, so a list searched only when a tunnel looks for its next hop.</remarks>
internal sealed class RouteTable
{
    private readonly (Ipv4Prefix Network, Be32? Gateway)[] _routes;
    private readonly Ipv4Prefix[] _addresses;

    public RouteTable(UnderlayOptions options)
    {
        _addresses = [.. options.Addresses];
        IEnumerable<(Ipv4Prefix, Be32?)> routes = options.Addresses.Select(address => (address, (Be32?)null))
            .Concat(options.Routes.Select(route => (route.Network, (Be32?)route.Gateway)));
        if (options.Gateway is { } gateway)
        {
            routes = routes.Append((default, gateway));
        }
        _routes = [.. routes.OrderByDescending(route => route.Item1.Length)]; // stable: of equal ones the connected one, then the first given
    }

    /// <returns>False if there is no way there.</returns>
    public bool TryFindNextHop(Be32 destination, out Be32 nextHop)
    {
        foreach ((Ipv4Prefix network, Be32? gateway) in _routes)
        {
            if (network.Contains(destination))
            {
                nextHop = gateway ?? destination;
                return true;
            }
        }
        nextHop = default;
        return false;
    }

    /// <summary>The local address on a next hop's network: what ARP asks with.</summary>
    public Be32 SourceFor(Be32 nextHop)
    {
        foreach (Ipv4Prefix address in _addresses)
        {
            if (address.Contains(nextHop))
            {
                return address.Address;
            }
        }
        return _addresses[0].Address;
    }
}
