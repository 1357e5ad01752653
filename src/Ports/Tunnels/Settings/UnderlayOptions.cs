using Softswitch.Datapath.Headers;
using Softswitch.Ports.Specs;

namespace Softswitch.Ports.Tunnels.Settings;

/// <summary>The IPv4 side of a port that tunnels travel by: <c>address=A/LEN</c>, <c>gateway=A</c>, <c>route=NET/LEN@A</c>, <c>neighbours=kernel</c>.</summary>
/// <param name="Addresses">Local ones, at least one.</param>
/// <param name="Gateway">The default route's next hop; null without one.</param>
/// <param name="Routes">Networks behind other next hops.</param>
internal sealed record UnderlayOptions(
    IReadOnlyList<Ipv4Prefix> Addresses, Be32? Gateway, IReadOnlyList<(Ipv4Prefix Network, Be32 Gateway)> Routes)
{
    /// <summary>Whether routes and neighbours are the kernel's, and the kernel answers for the addresses, which are its own too.</summary>
    public bool IsByKernel { get; init; }

    /// <returns>Null for a port without an address.</returns>
    /// <exception cref="PortException">One of them cannot be meant.</exception>
    public static UnderlayOptions? Read(PortSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (!spec.Options.TryGetValue(PortSpec.AddressKey, out string? addresses))
        {
            string? lost = PortSpec.UnderlayKeys.FirstOrDefault(spec.Options.ContainsKey);
            return lost == null ? null : throw Refuse(spec, lost, spec.Options[lost], "has no use without address=");
        }
        bool isByKernel = ReadNeighbours(spec);
        List<Ipv4Prefix> local = [.. addresses!.Split(PortSpec.ValueSeparator).Select(text => ReadAddress(spec, text))];
        var routes = new List<(Ipv4Prefix, Be32)>();
        if (spec.Options.TryGetValue(PortSpec.RouteKey, out string? texts))
        {
            routes.AddRange(texts!.Split(PortSpec.ValueSeparator).Select(text => ReadRoute(spec, text, local)));
        }
        Be32? gateway = spec.Options.TryGetValue(PortSpec.GatewayKey, out string? word) ? ReadGateway(spec, PortSpec.GatewayKey, word!, word!, local) : null;
        return new UnderlayOptions(local, gateway, routes) { IsByKernel = isByKernel };
    }

    internal bool IsSame(UnderlayOptions other) =>
        IsByKernel == other.IsByKernel && Addresses.SequenceEqual(other.Addresses) && Gateway == other.Gateway && Routes.SequenceEqual(other.Routes);

    private static bool ReadNeighbours(PortSpec spec)
    {
        if (!spec.Options.TryGetValue(PortSpec.NeighboursKey, out string? value))
        {
            return false;
        }
        string? lost = spec.Options.ContainsKey(PortSpec.GatewayKey) ? PortSpec.GatewayKey : spec.Options.ContainsKey(PortSpec.RouteKey) ? PortSpec.RouteKey : null;
        string? reason = value != "kernel" ? "is not kernel"
            : spec.Kind == PortKind.Xdp ? $"AF_XDP leaves the kernel none of the packets, so it hears no neighbour; packet:{spec.Target} leaves it a copy"
            : spec.Kind == PortKind.Tap ? "the kernel is at the other end of a TAP device"
            : lost != null ? $"the kernel's routes are used, and {lost}= has no place beside them"
            : null;
        return reason == null ? true : throw Refuse(spec, PortSpec.NeighboursKey, value, reason);
    }

    private static Ipv4Prefix ReadAddress(PortSpec spec, string text) =>
        Ipv4Prefix.TryParse(text, out Ipv4Prefix prefix) && prefix.Length > 0 && Ipv4Text.IsUnicast(prefix.Address)
            ? prefix
            : throw Refuse(spec, PortSpec.AddressKey, text, "is not a host's IPv4 address with its prefix length, such as 10.0.0.1/24");

    private static (Ipv4Prefix Network, Be32 Gateway) ReadRoute(PortSpec spec, string text, List<Ipv4Prefix> local)
    {
        int at = text.IndexOf('@', StringComparison.Ordinal);
        return at > 0 && Ipv4Prefix.TryParse(text.AsSpan(0, at), out Ipv4Prefix network)
            ? (network, ReadGateway(spec, PortSpec.RouteKey, text, text[(at + 1)..], local))
            : throw Refuse(spec, PortSpec.RouteKey, text, "is not a network and its next hop, such as 192.0.2.0/24@10.0.0.254");
    }

    private static Be32 ReadGateway(PortSpec spec, string key, string value, string text, List<Ipv4Prefix> local) =>
        !Ipv4Text.TryParse(text, out Be32 gateway) || !Ipv4Text.IsUnicast(gateway) ? throw Refuse(spec, key, value, "is not a host's IPv4 address")
        : local.Any(prefix => prefix.Address == gateway) ? throw Refuse(spec, key, value, "is an address of the port itself")
        : local.Any(prefix => prefix.Contains(gateway)) ? gateway
        : throw Refuse(spec, key, value, "is on none of the networks of address=");

    private static PortException Refuse(PortSpec spec, string key, string? value, string reason) => new($"port '{spec.Text}': {key}={value}: {reason}");
}
