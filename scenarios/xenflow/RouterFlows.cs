using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>The exact flow entries of a virtual router: those of packets to its hardware addresses.</summary>
internal sealed class RouterFlows(MacAddress left, MacAddress right)
{
    private const ushort IdleTimeoutSeconds = 300;

    /// <summary>The router's address on the first link.</summary>
    public MacAddress Left => left;

    public bool AreFor(MacAddress address) => address == left || address == right;

    public static MigratingFlow Make(in FlowMatch match, FlowAction[] actions) => new(match, ParsedFlow.DefaultPriority, IdleTimeoutSeconds, Cookie: 0, actions);

    public static void Install(SwitchConnection? to, MigratingFlow flow, uint buffer = FlowMod.NoBuffer) => to?.Send(new FlowMod
    {
        Match = flow.Match,
        Priority = flow.Priority,
        IdleTimeoutSeconds = flow.IdleTimeoutSeconds,
        Cookie = flow.Cookie,
        BufferId = buffer,
        Actions = flow.Actions,
    });

    /// <summary>Deletes flows of the router, but none of those it has from the start: they leave the hardware address open.</summary>
    /// <param name="match">What else they must have, such as ip.</param>
    public void Delete(SwitchConnection? from, string match)
    {
        foreach (MacAddress address in (MacAddress[])[left, right])
        {
            from?.Send($"{match},dl_dst={address}", FlowSyntaxMode.Delete);
        }
        from?.Flush();
    }
}
