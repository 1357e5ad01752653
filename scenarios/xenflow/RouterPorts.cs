using Softswitch.Datapath.Flows;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>A virtual router's ports on one physical machine.</summary>
/// <param name="Left">Towards the first link.</param>
/// <param name="Right">Towards the second.</param>
/// <param name="LeftVif">The virtual machine's interface of the first link.</param>
/// <param name="RightVif">And of the second.</param>
internal sealed record RouterPorts(ushort Left, ushort Right, ushort LeftVif, ushort RightVif)
{
    /// <summary>What <c>scenarios/xenflow/router.flows</c> calls them; the longer names first, as the shorter are part of them.</summary>
    public (string Word, string Meaning)[] Words => [("LEFT-VIF", $"{LeftVif}"), ("RIGHT-VIF", $"{RightVif}"), ("LEFT", $"{Left}"), ("RIGHT", $"{Right}")];

    /// <summary>The port that is on another machine what this one is here.</summary>
    /// <returns>Null for a port that is not the router's.</returns>
    public ushort? Translate(ushort port, RouterPorts other) =>
        port == Left ? other.Left
        : port == Right ? other.Right
        : port == LeftVif ? other.LeftVif
        : port == RightVif ? other.RightVif
        : null;

    /// <summary>An entry of this machine as the other one needs it: the same but for in_port and the ports of its outputs (§3.2 of the paper).</summary>
    /// <returns>False if a port is not the router's: it is not the router's flow then.</returns>
    public bool TryTranslate(MigratingFlow flow, RouterPorts other, out MigratingFlow translated)
    {
        translated = flow;
        if (Translate(flow.Match.InPort, other) is not { } ingress)
        {
            return false;
        }
        var actions = new FlowAction[flow.Actions.Length];
        for (int i = 0; i < actions.Length; i++)
        {
            FlowAction action = flow.Actions[i];
            if (!action.IsOutput)
            {
                actions[i] = action;
                continue;
            }
            if (Translate(action.Port, other) is not { } egress)
            {
                return false;
            }
            actions[i] = action.Kind == ActionKind.Enqueue ? FlowAction.Enqueue(egress, action.Value) : FlowAction.Output(egress);
        }
        translated = flow with { Match = flow.Match with { InPort = ingress }, Actions = actions };
        return true;
    }
}

/// <summary>A flow entry that moves, without counters.</summary>
internal sealed record MigratingFlow(FlowMatch Match, ushort Priority, ushort IdleTimeoutSeconds, ulong Cookie, FlowAction[] Actions);
