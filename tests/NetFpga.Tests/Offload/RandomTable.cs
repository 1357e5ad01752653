using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>Random changes of a table, from few values, so that flows overlap often and all kinds of outputs occur.</summary>
internal sealed class RandomTable(int seed, int exactShare = 3)
{
    private readonly RandomMatches _matches = new(seed);
    private uint _id;

    public Random Random => _matches.Random;

    public SoftwareFlow NextFlow()
    {
        FlowMatch match = NextMatch();
        match.Wildcards = Random.Next(exactShare) == 0 ? FlowWildcards.None : match.Wildcards | (FlowWildcards)Random.Next(1 << 22);
        return SoftwareFlow.Of(++_id, match, (ushort)Random.Next(1, 12), NextActions());
    }

    /// <summary>An identical entry: same match and rank, other actions.</summary>
    public SoftwareFlow NextIdentical(SoftwareFlow flow) => flow with { Id = ++_id, Actions = Random.Next(3) == 0 ? flow.Actions : NextActions() };

    /// <summary>A frame from a port of the card.</summary>
    public FlowKey NextFrame()
    {
        FlowMatch match = NextMatch();
        match.InPort = (ushort)Random.Next(1, 5);
        match.Wildcards = FlowWildcards.None;
        MatchNormalizer.Normalize(match, out FlowKey key, out _);
        return key;
    }

    /// <summary>A frame from a port of the card that matches the flow, where the flow can have one.</summary>
    public FlowKey NextFrame(SoftwareFlow flow)
    {
        FlowKey key = NextFrame();
        FlowKey open = FlowKey.AllOnes;
        open.AsVector() = ~flow.Mask.AsVector();
        FlowKey frame = FlowKey.And(key, open);
        frame.AsVector() |= flow.Key.AsVector();
        return frame.InPort is > 0 and < OffloadRig.Elsewhere ? frame : frame with { InPort = key.InPort };
    }

    public OffloadPort[] NextPorts() =>
        [.. Enumerable.Range(1, 5).Select(number => new OffloadPort((ushort)number, NextConfig(), IsScheduled: Random.Next(8) == 0))];

    public FlowAction[] NextActions()
    {
        List<FlowAction> actions = [];
        for (int i = Random.Next(3); i > 0; i--)
        {
            actions.Add(NextRewrite());
        }
        for (int i = Random.Next(8) == 0 ? 0 : Random.Next(1, 3); i > 0; i--)
        {
            actions.Add(NextOutput());
        }
        if (Random.Next(10) == 0)
        {
            actions.Add(NextRewrite());
        }
        return [.. actions];
    }

    /// <summary>One change of a table, the most likely that a flow comes until there are many.</summary>
    /// <param name="next">The flow that may come.</param>
    /// <param name="some">One that is there.</param>
    public void Change(OffloadRig rig, int most, SoftwareFlow next, SoftwareFlow? some)
    {
        Dictionary<uint, SoftwareFlow>.ValueCollection flows = rig.Table.Flows.Values;
        switch (Random.Next(flows.Count < most ? 12 : 8))
        {
            case 0 or 1 when some != null:
                rig.Modify(some.Id, NextActions());
                break;
            case 2 when some != null:
                rig.Replace(some.Id, NextIdentical(some));
                break;
            case 3 when Random.Next(3) == 0:
                rig.SetPorts(NextPorts());
                break;
            case 3 when Random.Next(3) == 0:
                rig.Suspend("a test");
                rig.Suspend(null);
                break;
            case > 7 when !flows.Any(flow => flow.IsExact == next.IsExact && flow.Key == next.Key && flow.Mask == next.Mask
                && (flow.IsExact || flow.Priority == next.Priority)):
                rig.Add(next);
                break;
            default:
                if (some != null)
                {
                    rig.Remove(some.Id);
                }
                break;
        }
    }

    /// <summary>Any flow of a table; null of an empty one.</summary>
    public SoftwareFlow? Any(SoftwareTable table) => table.Flows.Count == 0 ? null : table.Flows.Values.ElementAt(Random.Next(table.Flows.Count));

    private FlowMatch NextMatch()
    {
        FlowMatch match = _matches.NextMatch();
        match.InPort = (ushort)Random.Next(1, 6);
        match.DlDst = Random.Next(8) == 0 ? MacAddress.BridgeGroup : match.DlDst;
        return match;
    }

    private PortConfig NextConfig() => Random.Next(4) == 0 ? (PortConfig)Random.Next((int)PortConfig.All + 1) : PortConfig.None;

    private FlowAction NextOutput() => Random.Next(12) switch
    {
        0 => FlowAction.Output(PortNumber.InPort),
        1 => FlowAction.Output(PortNumber.All),
        2 => FlowAction.Output(PortNumber.Flood),
        3 => FlowAction.Output(PortNumber.Controller, 128),
        4 => FlowAction.Output(OffloadRig.Elsewhere),
        5 => FlowAction.Enqueue(2, 1),
        _ => FlowAction.Output((ushort)Random.Next(1, 5)),
    };

    private FlowAction NextRewrite() => Random.Next(7) switch
    {
        0 => FlowAction.SetVlanVid((ushort)Random.Next(1, 4)),
        1 => FlowAction.SetVlanPcp((byte)Random.Next(8)),
        2 => FlowAction.StripVlan(),
        3 => FlowAction.SetDlSrc(new MacAddress(0x0200_0000_0100UL | (uint)Random.Next(4))),
        4 => FlowAction.SetDlDst(new MacAddress(0x0200_0000_0200UL | (uint)Random.Next(4))),
        5 => FlowAction.SetNwTos((byte)(Random.Next(4) << 2)),
        _ => FlowAction.SetNwDst(0x0a000000u | (uint)Random.Next(4)),
    };
}
