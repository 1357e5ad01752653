using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>A flow entry of the oracle.</summary>
internal sealed record SoftwareFlow(uint Id, bool IsExact, FlowKey Key, FlowKey Mask, ushort Priority, ulong Sequence, FlowAction[] Actions)
{
    public static SoftwareFlow Of(uint id, in FlowMatch match, ushort priority, params FlowAction[] actions)
    {
        bool exact = MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
        return new SoftwareFlow(id, exact, key, mask, priority, id, actions);
    }

    /// <summary>What the offload is told. No property: what a record prints must not be a ref struct.</summary>
    public OffloadEntry ToEntry() => new()
    {
        Id = Id,
        IsExact = IsExact,
        Key = Key,
        Mask = Mask,
        Priority = Priority,
        Sequence = Sequence,
        Actions = Actions,
    };

    public override string ToString() => $"flow {Id} ({(IsExact ? "exact" : $"priority {Priority}")}, {Key} under {Mask}) -> {string.Join(", ", Actions)}";
}

/// <summary>The switch by the letter: looks through all flows, copies a frame for each output.</summary>
internal sealed class SoftwareTable
{
    public Dictionary<uint, SoftwareFlow> Flows { get; private init; } = [];

    public OffloadPort[] Ports { get; set; } = [];

    public SoftwareTable Copy() => new() { Flows = new Dictionary<uint, SoftwareFlow>(Flows), Ports = Ports };

    /// <summary>OpenFlow 1.0.0 §3.4: the exact entry, or the highest priority, or the oldest of these; null for a miss.</summary>
    public SoftwareFlow? Winner(in FlowKey key)
    {
        SoftwareFlow? best = null;
        foreach (SoftwareFlow flow in Flows.Values)
        {
            if (FlowKey.Matches(key, flow.Key, flow.Mask) && (best == null || RanksAbove(flow, best)))
            {
                best = flow;
            }
        }
        return best;
    }

    /// <summary>The frames that leave for one with the key, by port; null if something happens that is not a frame leaving by a port of the card.</summary>
    public List<(ushort Port, ModelFrame Frame)>? Outcome(in FlowKey key)
    {
        ushort from = key.InPort;
        if (Ports.FirstOrDefault(port => port.Number == from) is not { Number: not 0 } ingress)
        {
            return null;
        }
        PortConfig closing = PortConfig.PortDown | PortConfig.NoReceive | (key.DlDst == MacAddress.BridgeGroup ? PortConfig.NoReceiveStp : 0);
        if ((ingress.Config & closing) != 0 || Winner(key) is not SoftwareFlow winner)
        {
            return null;
        }
        List<(ushort Port, ModelFrame Frame)> sent = [];
        ModelFrame frame = ModelFrame.Of(key);
        foreach (FlowAction action in winner.Actions)
        {
            if (action.Kind == ActionKind.Enqueue || (action.Kind == ActionKind.Output && action.Port is PortNumber.Controller or PortNumber.Normal or PortNumber.Local))
            {
                return null;
            }
            if (action.Kind == ActionKind.Output)
            {
                sent.AddRange(PortsOf(action.Port, from).Select(port => (port, frame)));
            }
            else
            {
                frame = frame.With(action);
            }
        }
        return sent;
    }

    private IEnumerable<ushort> PortsOf(ushort output, ushort ingress) => Ports.Where(port => output switch
    {
        PortNumber.InPort => port.Number == ingress,
        PortNumber.All => port.Number != ingress,
        PortNumber.Flood => port.Number != ingress && (port.Config & PortConfig.NoFlood) == 0,
        _ => port.Number == output && port.Number != ingress,
    } && (port.Config & (PortConfig.PortDown | PortConfig.NoForward)) == 0).Select(port => port.Number);

    private static bool RanksAbove(SoftwareFlow a, SoftwareFlow b)
    {
        if (a.IsExact != b.IsExact)
        {
            return a.IsExact;
        }
        return a.Priority != b.Priority ? a.Priority > b.Priority : a.Sequence < b.Sequence;
    }
}
