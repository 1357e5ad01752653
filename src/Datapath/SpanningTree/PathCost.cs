using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.SpanningTree;

/// <summary>What it costs to go through a port: IEEE 802.1D-1998 table 8-5.</summary>
internal static class PathCost
{
    // Where the speed is unknown (TAP, tunnels) the slowest that can be; Linux bridges do the same.
    private const uint Unknown = 100;

    public static uint Of(PortFeatures current) => current switch
    {
        _ when (current & PortFeatures.Speed10GbFull) != 0 => 2,
        _ when (current & (PortFeatures.Speed1GbFull | PortFeatures.Speed1GbHalf)) != 0 => 4,
        _ when (current & (PortFeatures.Speed100MbFull | PortFeatures.Speed100MbHalf)) != 0 => 19,
        _ => Unknown,
    };
}
