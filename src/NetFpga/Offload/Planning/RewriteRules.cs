using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;

namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>Rewrites that the card can be told but does otherwise than the software (docs/netfpga-hardware.md, rules 7 and 8).</summary>
internal static class RewriteRules
{
    private const ushort WholeField = 0xffff;

    /// <returns>Why the flow has to stay in software, for people; null if it has not.</returns>
    public static string? ReasonToRefuse(CardFlow flow, OffloadLevel level)
    {
        // What follows the last output has no effect.
        int last = Array.FindLastIndex(flow.Actions, action => action.IsOutput);
        ReadOnlySpan<FlowAction> actions = flow.Actions.AsSpan(0, last + 1);
        return ReasonOfHeaders(actions, level) ?? (IsUntagged(flow) ? null : ReasonOfTags(flow, actions, level));
    }

    private static string? ReasonOfHeaders(ReadOnlySpan<FlowAction> actions, OffloadLevel level)
    {
        foreach (ref readonly FlowAction action in actions)
        {
            if (level != OffloadLevel.All && action.Kind is ActionKind.SetNwSrc or ActionKind.SetNwDst or ActionKind.SetTpSrc or ActionKind.SetTpDst)
            {
                return $"{action.Kind} breaks fragments and UDP without checksum on the card (E2, E3); offload=all allows it";
            }
        }
        return null;
    }

    /// <summary>
    /// After strip_vlan, a frame of two tags has one left, and what follows is about that one; the card knows the outer tag only. With one tag the
    /// card overwrites it where the software makes a new one: bit 12 stays.
    /// </summary>
    private static string? ReasonOfTags(CardFlow flow, ReadOnlySpan<FlowAction> actions, OffloadLevel level)
    {
        bool stripped = false;
        bool again = false;
        bool set = false;
        foreach (ref readonly FlowAction action in actions)
        {
            if (action.Kind is ActionKind.StripVlan or ActionKind.SetVlanVid or ActionKind.SetVlanPcp)
            {
                again |= stripped;
                stripped |= action.Kind == ActionKind.StripVlan;
                set = action.Kind != ActionKind.StripVlan;
            }
        }
        if (again && MayHaveTwoTags(flow))
        {
            return "changes the tag after strip_vlan, which of two tags is the inner one; the card has the outer one only";
        }
        return again && set && level == OffloadLevel.Strict ? "sets a tag after strip_vlan, which on the card keeps bit 12 of the old one; offload=on allows it" : null;
    }

    private static bool IsUntagged(CardFlow flow) =>
        (flow.Mask.Vlan.Host & FlowKey.VlanPresent) != 0 && (flow.Key.Vlan.Host & FlowKey.VlanPresent) == 0;

    private static bool MayHaveTwoTags(CardFlow flow) => flow.Mask.DlType.Raw != WholeField || flow.Key.DlType.Host == EtherType.Vlan;
}
