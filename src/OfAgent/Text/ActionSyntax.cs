using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Text;

/// <summary>Reads action lists: <c>mod_vlan_vid:5,output:2,CONTROLLER:128</c>.</summary>
internal static class ActionSyntax
{
    /// <summary>The one field that <c>load</c> is known for.</summary>
    internal const string TunnelDestination = "NXM_NX_TUN_IPV4_DST[]";

    private const ushort WholePacket = 0xffff;

    /// <param name="text">What stands behind <c>actions=</c>; nothing and <c>drop</c> are the empty list.</param>
    /// <param name="ports">Names that may stand for port numbers.</param>
    /// <param name="error">Names the action and the reason.</param>
    public static bool TryParse(ReadOnlySpan<char> text, PortNames? ports, out FlowAction[] actions, out string error)
    {
        ports ??= PortNames.ReservedOnly;
        List<FlowAction> list = [];
        KeyValueReader reader = new(text);
        bool drops = false;
        int words = 0;
        actions = [];
        error = "";
        while (reader.TryRead(out ReadOnlySpan<char> key, out ReadOnlySpan<char> value))
        {
            words++;
            if (key is "drop" or "none")
            {
                drops = true;
            }
            else if (TryParseOne(key, value, ports, out FlowAction action, out error))
            {
                list.Add(action);
            }
            else
            {
                return false;
            }
        }
        if (drops && words > 1)
        {
            error = "actions: 'drop' stands alone, no other action can go with it";
            return false;
        }
        actions = [.. list];
        return true;
    }

    private static bool TryParseOne(ReadOnlySpan<char> key, ReadOnlySpan<char> value, PortNames ports, out FlowAction action, out string error)
    {
        error = "";
        action = default;
        switch (key)
        {
            case "output":
                return TryOutput(key, value, ports, out action, out error);
            case "enqueue":
                return TryEnqueue(value, ports, out action, out error);
            case "load":
                return TryLoad(value, out action, out error);
            case "strip_vlan" or "pop_vlan":
                action = FlowAction.StripVlan();
                return true;
            case "mod_dl_src" or "mod_dl_dst":
                if (!TextNumber.TryParseMac(value, out MacAddress mac))
                {
                    error = $"{key}: '{value}' is not an Ethernet address (six hexadecimal bytes, aa:bb:cc:dd:ee:ff)";
                    return false;
                }
                action = key is "mod_dl_src" ? FlowAction.SetDlSrc(mac) : FlowAction.SetDlDst(mac);
                return true;
            case "mod_nw_src" or "mod_nw_dst":
                if (!TextNumber.TryParseAddress(value, out uint address))
                {
                    error = $"{key}: '{value}' is not an IPv4 address";
                    return false;
                }
                action = key is "mod_nw_src" ? FlowAction.SetNwSrc(address) : FlowAction.SetNwDst(address);
                return true;
            default:
                return TryParseNumbered(key, value, ports, out action, out error);
        }
    }

    private static bool TryParseNumbered(ReadOnlySpan<char> key, ReadOnlySpan<char> value, PortNames ports, out FlowAction action, out string error)
    {
        action = default;
        ulong max = key switch
        {
            "mod_vlan_vid" or "set_vlan_vid" => 0xfff,
            "mod_vlan_pcp" or "set_vlan_pcp" => 7,
            "mod_nw_tos" => 0xff,
            "mod_tp_src" or "mod_tp_dst" => ushort.MaxValue,
            "set_tunnel" => uint.MaxValue,
            _ => 0,
        };
        if (max == 0)
        {
            return TryPort(key, value, ports, out action, out error);
        }
        if (!TextNumber.TryParse(value, max, out ulong number, out error))
        {
            error = $"{key}: '{value}' {error}";
            return false;
        }
        if (key is "mod_nw_tos" && (number & 3) != 0)
        {
            error = $"{key}: '{value}' has one of the two low bits set, which belong to ECN";
            return false;
        }
        action = key switch
        {
            "mod_vlan_vid" or "set_vlan_vid" => FlowAction.SetVlanVid((ushort)number),
            "mod_vlan_pcp" or "set_vlan_pcp" => FlowAction.SetVlanPcp((byte)number),
            "mod_nw_tos" => FlowAction.SetNwTos((byte)number),
            "mod_tp_src" => FlowAction.SetTpSrc((ushort)number),
            "set_tunnel" => FlowAction.SetTunnel((uint)number),
            _ => FlowAction.SetTpDst((ushort)number),
        };
        return true;
    }

    /// <summary>A bare port: <c>2</c>, <c>LOCAL</c>, <c>controller:128</c>, <c>eth0</c>.</summary>
    private static bool TryPort(ReadOnlySpan<char> key, ReadOnlySpan<char> value, PortNames ports, out FlowAction action, out string error)
    {
        if (ports.TryParse(key, out ushort port))
        {
            return TryOutputTo(key, port, value, out action, out error);
        }
        action = default;
        error = key is "set_queue" or "pop_queue" or "push_vlan" or "set_field" or "move" or "resubmit" or "learn" or "group" or "dec_ttl"
            or "mod_nw_ttl" or "mod_nw_ecn" or "goto_table" or "write_actions" or "apply_actions" or "clear_actions" or "meter" or "ct" or "note"
            or "exit" or "bundle" or "multipath" or "push_mpls" or "pop_mpls" or "clone" or "sample"
            ? $"actions: '{key}' is not an action of OpenFlow 1.0"
            : $"actions: unknown action or port '{key}'";
        return false;
    }

    private static bool TryOutput(ReadOnlySpan<char> key, ReadOnlySpan<char> value, PortNames ports, out FlowAction action, out string error)
    {
        // output:controller:128 is not ovs-ofctl's syntax, but there is only one thing it can mean.
        int colon = value.IndexOf(':');
        ReadOnlySpan<char> name = colon < 0 ? value : value[..colon];
        if (ports.TryParse(name, out ushort port))
        {
            return TryOutputTo(key, port, colon < 0 ? default : value[(colon + 1)..], out action, out error);
        }
        action = default;
        error = value.IsEmpty ? "output: no port is given" : $"output: '{value}' is neither a port number nor the name of a port";
        return false;
    }

    private static bool TryOutputTo(ReadOnlySpan<char> key, ushort port, ReadOnlySpan<char> argument, out FlowAction action, out string error)
    {
        action = default;
        error = "";
        if (port == PortNumber.None)
        {
            error = $"{key}: NONE is no port to send to (write drop)";
            return false;
        }
        if (port != PortNumber.Controller)
        {
            action = FlowAction.Output(port);
            error = argument.IsEmpty ? "" : $"{key}: takes no argument, but ':{argument}' is given";
            return argument.IsEmpty;
        }
        if (argument.StartsWith("max_len="))
        {
            argument = argument["max_len=".Length..];
        }
        ulong maxLength = WholePacket;
        if (!argument.IsEmpty && !TextNumber.TryParse(argument, ushort.MaxValue, out maxLength, out error))
        {
            error = argument.Contains('=')
                ? $"controller: '{argument}' cannot be said in OpenFlow 1.0 (max_len= only)"
                : $"controller: max_len '{argument}' {error}";
            return false;
        }
        action = FlowAction.Output(port, (ushort)maxLength);
        return true;
    }

    /// <summary><c>0x0a000002->NXM_NX_TUN_IPV4_DST[]</c>.</summary>
    private static bool TryLoad(ReadOnlySpan<char> value, out FlowAction action, out string error)
    {
        action = default;
        int arrow = value.IndexOf("->");
        ReadOnlySpan<char> field = arrow < 0 ? default : value[(arrow + 2)..].Trim();
        if (field is not TunnelDestination)
        {
            error = $"load: '{value}' is not VALUE->{TunnelDestination}, the only field it is known for";
            return false;
        }
        if (!TextNumber.TryParse(value[..arrow].Trim(), uint.MaxValue, out ulong address, out error))
        {
            error = $"load: '{value[..arrow]}' {error}";
            return false;
        }
        action = FlowAction.SetTunnelDestination((uint)address);
        return true;
    }

    private static bool TryEnqueue(ReadOnlySpan<char> value, PortNames ports, out FlowAction action, out string error)
    {
        action = default;
        int separator = value.IndexOfAny(':', ',');
        if (separator < 0)
        {
            error = $"enqueue: '{value}' is not PORT:QUEUE";
            return false;
        }
        ReadOnlySpan<char> portText = value[..separator].Trim();
        ReadOnlySpan<char> queueText = value[(separator + 1)..].Trim();
        if (!ports.TryParse(portText, out ushort port))
        {
            error = $"enqueue: '{portText}' is neither a port number nor the name of a port";
            return false;
        }
        if (!TextNumber.TryParse(queueText, uint.MaxValue, out ulong queue, out error))
        {
            error = $"enqueue: queue '{queueText}' {error}";
            return false;
        }
        action = FlowAction.Enqueue(port, (uint)queue);
        return true;
    }
}
