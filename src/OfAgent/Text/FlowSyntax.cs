using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;

namespace Softswitch.OfAgent.Text;

/// <summary>Reads flows in ovs-ofctl's words: <c>priority=5,tcp,nw_dst=10.0.0.0/8,tp_dst=80,actions=output:2</c>.</summary>
internal static class FlowSyntax
{
    /// <param name="text">One flow. <c>actions=</c> comes last.</param>
    /// <param name="ports">Names that may stand for port numbers, besides those of the reserved ports.</param>
    /// <param name="error">One line that names the word and the reason; empty on success.</param>
    public static bool TryParseFlow(ReadOnlySpan<char> text, FlowSyntaxMode mode, PortNames? ports, out ParsedFlow flow, out string error)
    {
        flow = new ParsedFlow { Command = CommandOf(mode) };
        ports ??= PortNames.ReservedOnly;
        KeyValueReader reader = new(text);
        FlowMatch match = flow.Match;
        bool hasActions = false;
        while (!hasActions && reader.TryRead(out ReadOnlySpan<char> key, out ReadOnlySpan<char> value))
        {
            string? problem;
            if (key is "actions" or "action")
            {
                problem = ReadActions(reader.FromKey, key.Length, mode, ports, flow);
                hasActions = true;
            }
            else if (MatchSyntax.TrySetProtocol(key, ref match) || TryFlag(key, mode, flow, out problem))
            {
                problem = value.IsEmpty ? null : $"{key}: takes no value, but '{value}' is given";
            }
            else if (problem is null && !MatchSyntax.TrySetField(key, value, ports, ref match, out problem))
            {
                problem = ReadProperty(key, value, mode, ports, flow);
            }
            if (problem is not null)
            {
                error = problem;
                return false;
            }
        }
        error = !hasActions && TakesActions(mode) ? "actions: missing (actions=drop for none)" : "";
        MatchSyntax.Normalise(ref match, flow.Warnings);
        flow.Match = match;
        return error.Length == 0;
    }

    /// <summary>A line of a flow file: a flow to add, or one behind the word add, modify, modify_strict, delete or delete_strict.</summary>
    /// <param name="flow">Null for a line that is empty or a comment (#).</param>
    public static bool TryParseLine(ReadOnlySpan<char> line, PortNames? ports, out ParsedFlow? flow, out string error) =>
        TryParseLine(line, FlowSyntaxMode.Add, ports, out flow, out error);

    /// <inheritdoc cref="TryParseLine(ReadOnlySpan{char}, PortNames?, out ParsedFlow?, out string)"/>
    /// <param name="mode">What a line without a word of its own means.</param>
    public static bool TryParseLine(ReadOnlySpan<char> line, FlowSyntaxMode mode, PortNames? ports, out ParsedFlow? flow, out string error)
    {
        flow = null;
        error = "";
        int comment = line.IndexOf('#');
        ReadOnlySpan<char> text = (comment < 0 ? line : line[..comment]).Trim();
        if (text.IsEmpty)
        {
            return true;
        }
        int blank = text.IndexOfAny(' ', '\t');
        ReadOnlySpan<char> word = blank < 0 ? text : text[..blank];
        FlowSyntaxMode? named = word switch
        {
            "add" => FlowSyntaxMode.Add,
            "modify" => FlowSyntaxMode.Modify,
            "modify_strict" => FlowSyntaxMode.ModifyStrict,
            "delete" => FlowSyntaxMode.Delete,
            "delete_strict" => FlowSyntaxMode.DeleteStrict,
            _ => null,
        };
        ReadOnlySpan<char> flowText = named is null ? text : text[word.Length..];
        bool isGood = TryParseFlow(flowText, named ?? mode, ports, out ParsedFlow parsed, out error);
        flow = isGood ? parsed : null;
        return isGood;
    }

    /// <summary>The one way of several to say the same match that parsing a text yields: fields that are open or not looked at are zero.</summary>
    public static FlowMatch Canonical(FlowMatch match)
    {
        MatchSyntax.Normalise(ref match, []);
        MatchSyntax.ClearOpenFields(ref match);
        return match;
    }

    private static FlowModCommand CommandOf(FlowSyntaxMode mode) => mode switch
    {
        FlowSyntaxMode.Modify => FlowModCommand.Modify,
        FlowSyntaxMode.ModifyStrict => FlowModCommand.ModifyStrict,
        FlowSyntaxMode.Delete => FlowModCommand.Delete,
        FlowSyntaxMode.DeleteStrict => FlowModCommand.DeleteStrict,
        _ => FlowModCommand.Add,
    };

    private static bool TakesActions(FlowSyntaxMode mode) => mode <= FlowSyntaxMode.ModifyStrict;

    private static string NameOf(FlowSyntaxMode mode) => mode switch
    {
        FlowSyntaxMode.Add => "a flow to add",
        FlowSyntaxMode.Modify or FlowSyntaxMode.ModifyStrict => "a flow to modify",
        FlowSyntaxMode.Delete => "flows to delete (only with --strict)",
        FlowSyntaxMode.DeleteStrict => "a flow to delete",
        _ => "a filter",
    };

    private static string? ReadActions(ReadOnlySpan<char> fromKey, int keyLength, FlowSyntaxMode mode, PortNames ports, ParsedFlow flow)
    {
        if (!TakesActions(mode))
        {
            return $"actions: have no place in {(mode == FlowSyntaxMode.Filter ? "a filter" : "a flow to delete")}";
        }
        ReadOnlySpan<char> text = fromKey[keyLength..];
        if (text.IsEmpty || text[0] != '=')
        {
            return "actions: '=' and the actions are missing (actions=drop for none)";
        }
        if (!ActionSyntax.TryParse(text[1..], ports, out FlowAction[] actions, out string error))
        {
            return error;
        }
        flow.Actions = actions;
        return null;
    }

    private static bool TryFlag(ReadOnlySpan<char> key, FlowSyntaxMode mode, ParsedFlow flow, out string? problem)
    {
        FlowModFlags flag = key switch
        {
            "send_flow_rem" => FlowModFlags.SendFlowRemoved,
            "check_overlap" => FlowModFlags.CheckOverlap,
            "emerg" => FlowModFlags.Emergency,
            _ => FlowModFlags.None,
        };
        // The emergency table is reached by delete as well (§4.6).
        bool isMisplaced = flag != FlowModFlags.None && !TakesActions(mode)
            && (flag != FlowModFlags.Emergency || mode == FlowSyntaxMode.Filter);
        problem = isMisplaced ? $"{key}: has no place in {(mode == FlowSyntaxMode.Filter ? "a filter" : "a flow to delete")}" : null;
        if (flag == FlowModFlags.None || isMisplaced)
        {
            return false;
        }
        flow.Flags |= flag;
        return true;
    }

    private static string? ReadProperty(ReadOnlySpan<char> key, ReadOnlySpan<char> value, FlowSyntaxMode mode, PortNames ports, ParsedFlow flow)
    {
        switch (key)
        {
            case "duration" or "n_packets" or "n_bytes" or "idle_age" or "hard_age":
                // What dump-flows prints can be fed back: counters are not part of a flow.
                return null;
            case "table":
                return ReadTable(value, mode, flow);
            case "out_port":
                return ReadOutPort(value, mode, ports, flow);
            case "priority" or "idle_timeout" or "hard_timeout" or "cookie" or "buffer_id":
                return ReadNumber(key, value, mode, flow);
            default:
                return Unknown(key);
        }
    }

    private static string? ReadNumber(ReadOnlySpan<char> key, ReadOnlySpan<char> value, FlowSyntaxMode mode, ParsedFlow flow)
    {
        if (key is "cookie" && (!TakesActions(mode) || value.Contains('/')))
        {
            return "cookie: OpenFlow 1.0 cannot select flows by cookie";
        }
        if (!TakesActions(mode) && !(key is "priority" && mode == FlowSyntaxMode.DeleteStrict))
        {
            return $"{key}: has no place in {NameOf(mode)}";
        }
        ulong max = key switch { "cookie" => ulong.MaxValue, "buffer_id" => uint.MaxValue, _ => ushort.MaxValue };
        if (!TextNumber.TryParse(value, max, out ulong number, out string reason))
        {
            return $"{key}: '{value}' {reason}";
        }
        switch (key)
        {
            case "priority":
                flow.Priority = (ushort)number;
                break;
            case "idle_timeout":
                flow.IdleTimeoutSeconds = (ushort)number;
                break;
            case "hard_timeout":
                flow.HardTimeoutSeconds = (ushort)number;
                break;
            case "buffer_id":
                flow.BufferId = (uint)number;
                break;
            default:
                flow.Cookie = number;
                break;
        }
        return null;
    }

    private static string? ReadTable(ReadOnlySpan<char> value, FlowSyntaxMode mode, ParsedFlow flow)
    {
        if (!TextNumber.TryParse(value, byte.MaxValue, out ulong table, out string reason))
        {
            return $"table: '{value}' {reason}";
        }
        if (mode == FlowSyntaxMode.Filter)
        {
            flow.TableId = (byte)table;
        }
        else if (!FlowFilter.IsFlowTable((byte)table))
        {
            flow.Warnings.Add("table is ignored: in OpenFlow 1.0 the switch chooses a flow's table");
        }
        return null;
    }

    private static string? ReadOutPort(ReadOnlySpan<char> value, FlowSyntaxMode mode, PortNames ports, ParsedFlow flow)
    {
        if (TakesActions(mode))
        {
            return "out_port: restricts deletes and filters only";
        }
        if (!ports.TryParse(value, out ushort port))
        {
            return $"out_port: '{value}' is neither a port number nor the name of a port";
        }
        flow.OutPort = port;
        return null;
    }

    private static string Unknown(ReadOnlySpan<char> key)
    {
        bool isLater = key is "tun_id" or "tunnel_id" or "metadata" or "arp_sha" or "arp_tha" or "ipv6_src" or "ipv6_dst" or "nw_ttl" or "nw_ecn"
            or "ip_frag" or "nw_frag" or "tcp_flags" or "pkt_mark" or "ct_state" or "ct_zone" or "tcp6" or "udp6" or "icmp6" or "sctp6"
            or "mpls_label" or "mpls_tc" or "in_port_oxm" or "cookie_mask" or "importance" or "reset_counts" or "no_packet_counts"
            or "no_byte_counts" or "out_group"
            || key.StartsWith("reg") || key.StartsWith("nd_") || key.StartsWith("icmpv6");
        return isLater ? $"{key}: cannot be said in OpenFlow 1.0" : $"{key}: unknown word";
    }
}

/// <summary>What a flow's text is for; it decides which words may stand in it (as ovs-ofctl does).</summary>
public enum FlowSyntaxMode
{
    /// <summary>A flow to add: match, priority, timeouts, cookie, flags; actions are required.</summary>
    Add,

    /// <summary>As <see cref="Add"/>, for flows that overlap the match.</summary>
    Modify,

    /// <summary>As <see cref="Modify"/>, for the flow of exactly this match and priority.</summary>
    ModifyStrict,

    /// <summary>Flows to delete: match and out_port.</summary>
    Delete,

    /// <summary>The flow of exactly this match and priority to delete: match, priority and out_port.</summary>
    DeleteStrict,

    /// <summary>Flows to report on: match, out_port and table.</summary>
    Filter,
}
