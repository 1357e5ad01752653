using System.Globalization;
using System.Text.Json;
using Softswitch.Datapath.Flows;

namespace Softswitch.OfAgent.Text;

/// <summary>Reads flows as the Floodlight controller's Static Flow Pusher takes them: JSON objects, alone, one after another or in an array.</summary>
/// <remarks>
/// <code>
/// {"switch": "00:00:00:00:00:00:00:01", "name": "flow1", "priority": "32768", "ether-type": "0x0800", "src-ip": "10.0.0.0/24",
///  "actions": "set-dst-mac=00:15:17:8f:ca:37,output=3"}
/// </code>
/// Words and defaults are those of Floodlight's documentation for OpenFlow 1.0; of its later words those that mean the same are taken too,
/// and <c>output=1,4</c> as papers write it for two ports.
/// </remarks>
internal static class StaticFlowSyntax
{
    /// <summary>Floodlight's, half of ours: such a flow is below one without a priority sent by others.</summary>
    public const ushort DefaultPriority = 0x7fff;

    private static readonly JsonReaderOptions Options = new() { AllowMultipleValues = true, CommentHandling = JsonCommentHandling.Skip };

    /// <param name="utf8">The whole file.</param>
    /// <param name="ports">Names that may stand for port numbers.</param>
    /// <param name="line">Of the mistake, from 1.</param>
    /// <param name="error">Names the word and the reason; empty on success.</param>
    public static bool TryParse(ReadOnlySpan<byte> utf8, PortNames? ports, out List<StaticFlow> flows, out int line, out string error)
    {
        flows = [];
        line = 1;
        ports ??= PortNames.ReservedOnly;
        ReadOnlySpan<byte> byteOrderMark = [0xef, 0xbb, 0xbf];
        utf8 = utf8.StartsWith(byteOrderMark) ? utf8[3..] : utf8;
        Utf8JsonReader reader = new(utf8, Options);
        LineCounter lines = new(utf8);
        Dictionary<(ulong Switch, string Name), int> known = [];
        try
        {
            while (reader.Read())
            {
                line = lines.At(reader);
                if (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.EndArray && reader.CurrentDepth == 0)
                {
                    continue;
                }
                if (reader.TokenType != JsonTokenType.StartObject)
                {
                    error = "a flow is an object: {\"switch\": ..., \"name\": ..., ...}";
                    return false;
                }
                if (!TryReadFlow(ref reader, ref lines, ports, out StaticFlow? flow, ref line, out error))
                {
                    return false;
                }
                if (!known.TryAdd((flow!.Switch, flow.Name), flow.Line))
                {
                    line = flow.Line;
                    error = $"name: '{flow.Name}' is the name of the flow in line {known[(flow.Switch, flow.Name)]} too";
                    return false;
                }
                flows.Add(flow);
            }
        }
        catch (JsonException e)
        {
            line = (int)(e.LineNumber ?? 0) + 1;
            int position = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
            error = position < 0 ? e.Message : e.Message[..position];
            return false;
        }
        catch (InvalidOperationException)
        {
            error = "holds text that is not valid UTF-8"; // or half of a surrogate pair, escaped
            return false;
        }
        error = "";
        return true;
    }

    private static bool TryReadFlow(
        ref Utf8JsonReader reader, ref LineCounter lines, PortNames ports, out StaticFlow? result, ref int line, out string error)
    {
        result = null;
        int first = line;
        ParsedFlow flow = new() { Priority = DefaultPriority };
        FlowMatch match = flow.Match;
        ulong? datapath = null;
        string? name = null;
        bool isActive = true;
        HashSet<string> seen = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            line = lines.At(reader);
            string key = reader.GetString()!;
            if (!seen.Add(key))
            {
                error = $"{key}: is given twice";
                return false;
            }
            reader.Read();
            if (!TryReadValue(ref reader, out string value))
            {
                error = $"{key}: a text or a number is wanted";
                return false;
            }
            string? problem = null;
            switch (key)
            {
                case "switch":
                    problem = ReadSwitch(value, out datapath);
                    break;
                case "name":
                    name = value;
                    break;
                case "active":
                    problem = bool.TryParse(value, out isActive) ? null : $"'{value}' is neither true nor false";
                    break;
                case "actions":
                    problem = ReadActions(value, ports, flow);
                    break;
                default:
                    problem = ReadProperty(key, value, ports, flow, ref match);
                    break;
            }
            if (problem != null)
            {
                error = $"{key}: {problem}";
                return false;
            }
        }
        MatchSyntax.Normalise(ref match, flow.Warnings);
        flow.Match = match;
        line = first;
        error = datapath == null ? "switch: is missing" : string.IsNullOrEmpty(name) ? "name: is missing" : "";
        if (error.Length == 0)
        {
            result = new StaticFlow(first, datapath!.Value, name!, isActive, flow);
        }
        return error.Length == 0;
    }

    private static bool TryReadValue(ref Utf8JsonReader reader, out string value)
    {
        value = reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString()!.Trim(),
            JsonTokenType.Number => reader.TryGetInt64(out long number) ? number.ToString(CultureInfo.InvariantCulture) : "not a whole number",
            JsonTokenType.True => "true",
            JsonTokenType.False => "false",
            _ => "",
        };
        return reader.TokenType is JsonTokenType.String or JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False;
    }

    /// <summary>Eight hexadecimal bytes with colons; six stand for the lower ones.</summary>
    private static string? ReadSwitch(string value, out ulong? datapath)
    {
        datapath = 0;
        int bytes = 0;
        foreach (string part in value.Split(':'))
        {
            if (part.Length is 0 or > 2 || ++bytes > 8 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b))
            {
                return $"'{value}' is not a datapath id (eight hexadecimal bytes with colons)";
            }
            datapath = (datapath << 8) | b;
        }
        return bytes is 6 or 8 ? null : $"'{value}' is not a datapath id (eight hexadecimal bytes with colons)";
    }

    private static string? ReadProperty(string key, string value, PortNames ports, ParsedFlow flow, ref FlowMatch match)
    {
        if (WordOf(key) is not { } word)
        {
            return ReadNumber(key, value, flow);
        }
        // Floodlight's VLAN of frames without a tag.
        string text = word == "dl_vlan" && value == "-1" ? "0xffff" : value;
        if (!MatchSyntax.TrySetField(word, text, ports, ref match, out string? problem))
        {
            return "unknown word";
        }
        return problem != null && problem.StartsWith(word + ": ", StringComparison.Ordinal) ? problem[(word.Length + 2)..] : problem;
    }

    /// <summary>ovs-ofctl's word for a match field; null for what is none.</summary>
    private static string? WordOf(string key) => key switch
    {
        "ingress-port" or "in_port" => "in_port",
        "src-mac" or "eth_src" => "dl_src",
        "dst-mac" or "eth_dst" => "dl_dst",
        "vlan-id" or "eth_vlan_vid" => "dl_vlan",
        "vlan-priority" or "eth_vlan_pcp" => "dl_vlan_pcp",
        "ether-type" or "eth_type" => "dl_type",
        "tos-bits" or "ip_tos" => "nw_tos",
        "protocol" or "ip_proto" or "arp_opcode" => "nw_proto",
        "src-ip" or "ipv4_src" or "arp_spa" => "nw_src",
        "dst-ip" or "ipv4_dst" or "arp_tpa" => "nw_dst",
        "src-port" or "tp_src" or "tcp_src" or "udp_src" or "icmpv4_type" => "tp_src",
        "dst-port" or "tp_dst" or "tcp_dst" or "udp_dst" or "icmpv4_code" => "tp_dst",
        _ => null,
    };

    private static string? ReadNumber(string key, string value, ParsedFlow flow)
    {
        if (key == "wildcards")
        {
            flow.Warnings.Add("wildcards is ignored: what is not given is open");
            return null;
        }
        if (key is not ("priority" or "cookie" or "idle_timeout" or "idle-timeout" or "hard_timeout" or "hard-timeout"))
        {
            return "unknown word";
        }
        if (!TextNumber.TryParse(value, key == "cookie" ? ulong.MaxValue : ushort.MaxValue, out ulong number, out string reason))
        {
            return $"'{value}' {reason}";
        }
        switch (key)
        {
            case "priority":
                flow.Priority = (ushort)number;
                break;
            case "cookie":
                flow.Cookie = number;
                break;
            case "idle_timeout" or "idle-timeout":
                flow.IdleTimeoutSeconds = (ushort)number;
                break;
            default:
                flow.HardTimeoutSeconds = (ushort)number;
                break;
        }
        return null;
    }

    private static string? ReadActions(string value, PortNames ports, ParsedFlow flow)
    {
        List<FlowAction> actions = [];
        string previous = "";
        foreach (string part in value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string key = (equals < 0 ? part : part[..equals]).Trim();
            string argument = equals < 0 ? "" : part[(equals + 1)..].Trim();
            if (equals < 0 && previous == "output" && part.AsSpan().IndexOfAnyExceptInRange('0', '9') < 0)
            {
                (key, argument) = (previous, part); // papers write output=1,4 for two ports
            }
            previous = key;
            if (Translate(key, argument) is not { } text)
            {
                return $"'{key}' is not an action of OpenFlow 1.0";
            }
            if (!ActionSyntax.TryParse(text, ports, out FlowAction[] action, out string error) || action.Length != 1)
            {
                return $"{key}: {(error.Length == 0 ? $"'{argument}' is not what it takes" : error[(error.IndexOf(": ", StringComparison.Ordinal) + 2)..])}";
            }
            actions.Add(action[0]);
        }
        flow.Actions = [.. actions];
        return null;
    }

    /// <summary>The action in ovs-ofctl's words; null for an unknown one.</summary>
    private static string? Translate(string key, string argument) => key switch
    {
        "output" when IsController(argument) => "controller",
        "output" => "output:" + (argument is "ingress-port" or "ingress_port" ? "in_port" : argument),
        "enqueue" => "enqueue:" + argument,
        "strip-vlan" or "strip_vlan" => "strip_vlan",
        "set-vlan-id" or "set_vlan_vid" => "mod_vlan_vid:" + argument,
        "set-vlan-priority" or "set_vlan_priority" => "mod_vlan_pcp:" + argument,
        "set-src-mac" or "set_eth_src" => "mod_dl_src:" + argument,
        "set-dst-mac" or "set_eth_dst" => "mod_dl_dst:" + argument,
        "set-tos-bits" or "set_ip_tos" => "mod_nw_tos:" + argument,
        "set-src-ip" or "set_ipv4_src" => "mod_nw_src:" + argument,
        "set-dst-ip" or "set_ipv4_dst" => "mod_nw_dst:" + argument,
        "set-src-port" or "set_tp_src" => "mod_tp_src:" + argument,
        "set-dst-port" or "set_tp_dst" => "mod_tp_dst:" + argument,
        _ => null,
    };

    // Papers number their controllers; OpenFlow 1.0 has but one port for them.
    private static bool IsController(string argument) =>
        argument.StartsWith("controller", StringComparison.OrdinalIgnoreCase) && argument.AsSpan("controller".Length).IndexOfAnyExceptInRange('0', '9') < 0;

    /// <summary>Lines of tokens, which the reader tells for mistakes only.</summary>
    private ref struct LineCounter(ReadOnlySpan<byte> text)
    {
        private readonly ReadOnlySpan<byte> _text = text;
        private int _position;
        private int _line = 1;

        public int At(in Utf8JsonReader reader)
        {
            int start = (int)reader.TokenStartIndex;
            _line += _text[_position..start].Count((byte)'\n');
            _position = start;
            return _line;
        }
    }
}

/// <summary>One flow of a file for the Floodlight controller's Static Flow Pusher.</summary>
/// <param name="Line">Where it begins, from 1.</param>
/// <param name="Switch">Datapath id of the switch it is for.</param>
/// <param name="Name">Unique within a file and switch.</param>
/// <param name="IsActive">False for one that is kept in the file but not to be sent.</param>
internal sealed record StaticFlow(int Line, ulong Switch, string Name, bool IsActive, ParsedFlow Flow);
