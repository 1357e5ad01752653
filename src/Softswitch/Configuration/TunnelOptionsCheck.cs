using Softswitch.Datapath.Headers;
using Softswitch.Ports;
using Softswitch.Ports.Tunnels;

namespace Softswitch.Configuration;

/// <summary>Checks addresses of ports and the tunnels that use them, before anything is opened.</summary>
internal static class TunnelOptionsCheck
{
    /// <param name="ports">All ports of the switch.</param>
    /// <param name="errors">Takes a line for each port that is wrong.</param>
    public static void Run(IReadOnlyList<PortOption> ports, List<string> errors)
    {
        var underlays = new Dictionary<ushort, UnderlayOptions>();
        foreach (PortOption port in ports.Where(port => !port.Spec.IsTunnel))
        {
            Try(errors, () =>
            {
                if (UnderlayOptions.Read(port.Spec) is { } underlay)
                {
                    underlays.Add(port.Number, underlay);
                }
            });
        }
        foreach (PortOption port in ports.Where(port => port.Spec.IsTunnel))
        {
            Try(errors, () => Check(port.Spec, TunnelOptions.Read(port.Spec), underlays));
        }
    }

    private static void Check(PortSpec spec, TunnelOptions tunnel, Dictionary<ushort, UnderlayOptions> underlays)
    {
        bool isNumbered = tunnel.Via is { } via && underlays.ContainsKey(via);
        if (tunnel.Via != null && !isNumbered)
        {
            throw new PortException($"port '{spec}': via={tunnel.Via}: there is no such port with an address=");
        }
        IEnumerable<UnderlayOptions> candidates = isNumbered ? [underlays[tunnel.Via!.Value]] : underlays.Values;
        if (!candidates.Any(underlay => Has(underlay, tunnel.Local)))
        {
            throw new PortException(
                $"port '{spec}': local={spec.Options["local"]}: {(isNumbered ? $"is no address= of port {tunnel.Via}" : "no port has this address=; give it to the port that the tunnel travels by")}");
        }
    }

    private static bool Has(UnderlayOptions underlay, Be32 address) => underlay.Addresses.Any(prefix => prefix.Address == address);

    private static void Try(List<string> errors, Action check)
    {
        try
        {
            check();
        }
        catch (PortException e)
        {
            errors.Add(e.Message);
        }
    }
}
