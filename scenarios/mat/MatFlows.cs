using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.Scenarios.Mat;

/// <summary>Translations of mobile nodes that are not there, to fill a table with.</summary>
internal static class MatFlows
{
    /// <summary>By which they are told from those of the node that is there.</summary>
    public const ushort Priority = 50;

    private const uint FirstHome = 0x1400_0000; // 20.0.0.0

    /// <summary>One from home address 20.0.0.0 and <paramref name="number"/> to the address this far behind <paramref name="mobile"/>.</summary>
    public static FlowMod Translation(int number, FlowModCommand command, uint mobile)
    {
        FlowMatch match = FlowMatch.Any;
        match.Wildcards &= ~(FlowWildcards.InPort | FlowWildcards.DlType);
        match.InPort = 1;
        match.DlType = EtherType.Ipv4;
        match.NwDst = FirstHome + (uint)number;
        match.SetNwWildBits(32, 0);
        return new FlowMod { Command = command, Match = match, Priority = Priority, Actions = (FlowAction[])[FlowAction.SetNwDst(mobile + (uint)number), FlowAction.Output(2)] };
    }
}
