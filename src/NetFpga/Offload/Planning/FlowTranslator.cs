using System.Numerics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>What the card could make of a flow: the image of its slot, its rows, its punt rows, or the reason why it stays in software.</summary>
internal sealed class FlowTranslator(CardLayout layout, OffloadLevel level, CardPorts ports)
{
    private const ushort WholeType = 0xffff;

    /// <summary>Fills in what depends on the flow's match, its actions and the ports. To be done again when actions or ports change.</summary>
    public void Translate(CardFlow flow)
    {
        if (flow.Ports == 0)
        {
            return;
        }
        flow.PuntPorts = (byte)(flow.Ports & ports.Open);
        ActionWords rewrites = default;
        flow.Reason = ReasonOfMatch(flow) ?? ReasonOfRewrites(flow, out rewrites);
        if (flow.Class == FlowClass.Exact)
        {
            TranslateExact(flow, rewrites);
        }
        else
        {
            TranslateWildcards(flow, rewrites);
        }
    }

    /// <summary>The card never sees its frames as such: what it takes for their type is a length (§3.4 has 0x05ff for them).</summary>
    public static bool IsBeyondCard(CardFlow flow) => flow.Mask.DlType.Raw == WholeType && flow.Key.DlType.Host < EtherType.FirstType;

    /// <summary>A row that gives the flow's frames from one port to the host (docs/netfpga-hardware.md, rule 4); it may take more than those. Null if the card cannot even say that.</summary>
    public RowItem? Punt(CardFlow flow, int port)
    {
        FlowKey mask = flow.Mask;
        if (level == OffloadLevel.Strict && MatchesFragments(flow))
        {
            mask.TpSrc = default;
            mask.TpDst = default;
        }
        if (!TryEncode(flow, mask, port, out KeyWords value, out KeyWords cardMask))
        {
            // Layout 0.9 has no nw_tos, and nothing of ARP.
            mask.NwTos = 0;
            if (!TryEncode(flow, mask, port, out value, out cardMask))
            {
                (mask.NwProto, mask.NwSrc, mask.NwDst, mask.TpSrc, mask.TpDst) = (0, default, default, default, default);
                if (!TryEncode(flow, mask, port, out value, out cardMask))
                {
                    return null;
                }
            }
        }
        return new RowItem(flow, port, IsPunt: true, new RowImage(value, cardMask, ToHost(port)));
    }

    private bool TryEncode(CardFlow flow, in FlowKey mask, int port, out KeyWords value, out KeyWords cardMask) =>
        MatchCodec.TryEncode(layout, FlowKey.And(flow.Key, mask), mask, port, out value, out cardMask, out _);

    private static ActionWords ToHost(int port) => ActionCodec.WithOutputs(default, CardPort.QueueBit(port));

    private string? ReasonOfMatch(CardFlow flow) => level == OffloadLevel.Strict && ComparesPorts(flow)
        ? "compares ports, which the card finds in fragments, too (E1); offload=on allows it"
        : null;

    private string? ReasonOfRewrites(CardFlow flow, out ActionWords rewrites) =>
        ActionCodec.TryEncodeRewrites(layout, flow.Actions, out rewrites, out string? reason) ? RewriteRules.ReasonToRefuse(flow, level) : reason;

    private void TranslateExact(CardFlow flow, in ActionWords rewrites)
    {
        int port = BitOperations.TrailingZeroCount(flow.Ports);
        bool fits = MatchCodec.TryEncodeExact(layout, flow.Key, port, out KeyWords value, out string? reason);
        flow.Reason ??= reason;
        ushort bitmap = 0;
        if (flow.Reason == null && !OutputResolver.TryResolve(ports, flow.Actions, port, out bitmap, out reason))
        {
            flow.Reason = reason;
        }
        // A slot stands above the row that guards a port, so what the port does not take is punted by the slot itself.
        flow.SlotPunts = flow.Reason != null || (flow.Ports & ports.ClosedTo(flow.Key.DlDst)) != 0;
        flow.SlotImage = new SlotImage(value, flow.SlotPunts ? ToHost(port) : Send(rewrites, bitmap));
        // In strict mode a slot would not catch the fragments that belong to the flow.
        (flow.SlotA, flow.SlotB) = fits && !(level == OffloadLevel.Strict && MatchesFragments(flow)) ? SlotHash.Compute(value) : (-1, -1);
    }

    private void TranslateWildcards(CardFlow flow, in ActionWords rewrites)
    {
        flow.Rows = [];
        flow.RowPorts = 0;
        Span<ushort> bitmaps = stackalloc ushort[CardPort.Count];
        for (int port = 0; port < CardPort.Count && flow.Reason == null; port++)
        {
            if ((flow.PuntPorts & (1 << port)) != 0)
            {
                OutputResolver.TryResolve(ports, flow.Actions, port, out bitmaps[port], out string? reason);
                flow.Reason = reason;
            }
        }
        if (flow.Reason == null)
        {
            flow.Reason = MakeRows(flow, rewrites, bitmaps);
        }
    }

    /// <summary>
    /// One row for what most ports have in common, and above it one for each port that has something else (docs/netfpga-hardware.md, rule 6): with in_port open, output:N makes two rows, ALL
    /// and FLOOD one for each port.
    /// </summary>
    private string? MakeRows(CardFlow flow, in ActionWords rewrites, ReadOnlySpan<ushort> bitmaps)
    {
        ushort? common = flow.Mask.InPort == 0 ? MostCommon(bitmaps, flow.PuntPorts) : null;
        List<RowItem> rows = [];
        for (int port = 0; port < CardPort.Count; port++)
        {
            if ((flow.PuntPorts & (1 << port)) != 0 && bitmaps[port] != common)
            {
                if (AddRow(port, bitmaps[port], rewrites) is string reason)
                {
                    return reason;
                }
                flow.RowPorts |= (byte)(1 << port);
            }
        }
        if (common is ushort bitmap)
        {
            if (AddRow(null, bitmap, rewrites) is string reason)
            {
                return reason;
            }
            flow.RowPorts = (1 << CardPort.Count) - 1;
        }
        flow.Rows = rows;
        return null;

        string? AddRow(int? port, ushort destinations, in ActionWords words)
        {
            if (!MatchCodec.TryEncode(layout, flow.Key, flow.Mask, port, out KeyWords value, out KeyWords mask, out string? refusal))
            {
                return refusal;
            }
            rows.Add(new RowItem(flow, port, IsPunt: false, new RowImage(value, mask, Send(words, destinations))));
            return null;
        }
    }

    /// <summary>The bitmap of at least two ports that most have; null if all differ.</summary>
    private static ushort? MostCommon(ReadOnlySpan<ushort> bitmaps, byte members)
    {
        ushort? best = null;
        int most = 1;
        for (int port = 0; port < CardPort.Count; port++)
        {
            int count = 0;
            for (int other = 0; other < CardPort.Count; other++)
            {
                count += (members & (1 << other)) != 0 && bitmaps[other] == bitmaps[port] ? 1 : 0;
            }
            if ((members & (1 << port)) != 0 && count > most)
            {
                (best, most) = (bitmaps[port], count);
            }
        }
        return best;
    }

    /// <summary>A frame that goes nowhere need not be rewritten; without flags its entry changes by one write.</summary>
    private static ActionWords Send(in ActionWords rewrites, ushort bitmap) => bitmap == 0 ? default : ActionCodec.WithOutputs(rewrites, bitmap);

    /// <summary>Whether it compares what the card takes from the payload of fragments.</summary>
    private static bool ComparesPorts(CardFlow flow) => (flow.Mask.TpSrc.Raw | flow.Mask.TpDst.Raw) != 0 && flow.Key.DlType.Host == EtherType.Ipv4
        && flow.Key.NwProto is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Icmp;

    /// <summary>To the software, fragments have both ports 0 (§3.4).</summary>
    private static bool MatchesFragments(CardFlow flow) => ComparesPorts(flow) && (flow.Key.TpSrc.Raw | flow.Key.TpDst.Raw) == 0;
}
