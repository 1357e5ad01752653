using Softswitch.Ports;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Hosting.Configuration;

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
            Try(errors, () => UnderlaySet.Choose(port.Spec, TunnelOptions.Read(port.Spec), underlays));
        }
    }

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
