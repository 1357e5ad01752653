using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Registers;
using Softswitch.OfAgent.Text;

namespace Softswitch.Hosting.Cards;

/// <summary>What a row or slot does, in ovs-ofctl's words as far as these go.</summary>
/// <param name="Match">Empty if it matches every frame from the wires.</param>
/// <param name="MatchUntagged">What it matches besides: the same without a tag. Null if nothing.</param>
/// <param name="Actions">Without <c>actions=</c>.</param>
/// <param name="IsFlow">It does what the words say. Otherwise it gives frames to the host, which none of them can say.</param>
/// <param name="Notes">What it does beyond that.</param>
internal sealed record CardFlowText(string Match, string? MatchUntagged, string Actions, bool IsFlow, IReadOnlyList<string> Notes)
{
    public const string ToHost = "to the host";

    /// <param name="layout">What the bits of a row mean.</param>
    /// <param name="ports">The switch's numbers of card ports 0 to 3.</param>
    /// <param name="priority">Where rows are to keep their order; null for none.</param>
    public static CardFlowText Of(CardLayout layout, in RowImage row, ReadOnlySpan<ushort> ports, ushort? priority) =>
        Of(layout, MatchCodec.Decode(layout, row.Value, row.Mask), row.Action, ports, priority);

    /// <inheritdoc cref="Of(CardLayout, in RowImage, ReadOnlySpan{ushort}, ushort?)"/>
    public static CardFlowText Of(CardLayout layout, in SlotImage slot, ReadOnlySpan<ushort> ports, ushort? priority) =>
        Of(layout, MatchCodec.DecodeExact(layout, slot.Value), slot.Action, ports, priority);

    private static CardFlowText Of(CardLayout layout, in CardMatch match, in ActionWords action, ReadOnlySpan<ushort> ports, ushort? priority)
    {
        string words = TextOf(match, ports, priority, out string? matchAnomaly);
        string? untagged = match.Untagged is { } other ? TextOf(other, ports, priority, out _) : null;
        CardActions actions = ActionCodec.Decode(layout, action);
        List<FlowAction> list = [.. actions.Rewrites];
        bool toHost = false;
        for (int port = 0; port < CardPort.Count; port++)
        {
            toHost |= (actions.Bitmap & CardPort.QueueBit(port)) != 0;
            if ((actions.Bitmap & CardPort.WireBit(port)) != 0)
            {
                list.Add(FlowAction.Output(match.Port == port ? Datapath.Ports.PortNumber.InPort : ports[port]));
            }
        }
        bool toWires = list.Count > actions.Rewrites.Count;
        List<string> notes = [.. new[] { untagged == null ? null : "matches frames without a tag, too", matchAnomaly, actions.Anomaly, toHost && toWires ? "gives a copy to the host" : null }.OfType<string>()];
        return new CardFlowText(words, untagged, toHost && !toWires ? ToHost : TextOf(toWires ? list : []), toWires || !toHost, notes);
    }

    private static string TextOf(in CardMatch match, ReadOnlySpan<ushort> ports, ushort? priority, out string? anomaly)
    {
        StringBuilder text = new();
        // An exact entry has a priority, too, but it does not count.
        MatchText.Append(text, CardFlowMatch.From(match, ports, out anomaly), priority ?? ParsedFlow.DefaultPriority);
        return text.ToString();
    }

    private static string TextOf(List<FlowAction> actions)
    {
        StringBuilder text = new();
        ActionText.Append(text, actions.ToArray());
        return text.ToString();
    }
}
