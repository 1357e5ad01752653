using System.Text;
using Softswitch.Datapath.Actions;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Wire;

/// <summary>Actions as text, in the words of <c>ovs-ofctl</c>: <c>mod_nw_tos:184,output:2</c>; <c>drop</c> for none.</summary>
public static class ActionPrinter
{
    public static void Append(StringBuilder text, ReadOnlySpan<FlowAction> actions)
    {
        if (actions.Length == 0)
        {
            text.Append("drop");
            return;
        }
        foreach (ref readonly FlowAction action in actions)
        {
            AppendOne(text, action);
            text.Append(',');
        }
        text.Length--;
    }

    /// <summary>A port as ovs-ofctl names it; NONE is called ANY in matches and requests.</summary>
    public static string PortName(ushort port) => port switch
    {
        PortNumber.InPort => "IN_PORT",
        PortNumber.Table => "TABLE",
        PortNumber.Normal => "NORMAL",
        PortNumber.Flood => "FLOOD",
        PortNumber.All => "ALL",
        PortNumber.Controller => "CONTROLLER",
        PortNumber.Local => "LOCAL",
        PortNumber.None => "ANY",
        _ => $"{port}",
    };

    /// <summary>An IPv4 address in host order as dotted quad.</summary>
    public static string Address(uint address) => $"{address >> 24}.{(byte)(address >> 16)}.{(byte)(address >> 8)}.{(byte)address}";

    private static void AppendOne(StringBuilder text, in FlowAction action)
    {
        switch (action.Kind)
        {
            case ActionKind.Output when action.Port == PortNumber.Controller:
                text.Append($"CONTROLLER:{action.Value}");
                break;
            case ActionKind.Output when action.Port is >= PortNumber.InPort and < PortNumber.None:
                text.Append(PortName(action.Port));
                break;
            case ActionKind.Output:
                text.Append($"output:{PortName(action.Port)}");
                break;
            case ActionKind.SetVlanVid:
                text.Append($"mod_vlan_vid:{action.Value}");
                break;
            case ActionKind.SetVlanPcp:
                text.Append($"mod_vlan_pcp:{action.Value}");
                break;
            case ActionKind.StripVlan:
                text.Append("strip_vlan");
                break;
            case ActionKind.SetDlSrc:
                text.Append($"mod_dl_src:{action.Mac}");
                break;
            case ActionKind.SetDlDst:
                text.Append($"mod_dl_dst:{action.Mac}");
                break;
            case ActionKind.SetNwSrc:
                text.Append($"mod_nw_src:{Address(action.Value)}");
                break;
            case ActionKind.SetNwDst:
                text.Append($"mod_nw_dst:{Address(action.Value)}");
                break;
            case ActionKind.SetNwTos:
                text.Append($"mod_nw_tos:{action.Value}");
                break;
            case ActionKind.SetTpSrc:
                text.Append($"mod_tp_src:{action.Value}");
                break;
            case ActionKind.SetTpDst:
                text.Append($"mod_tp_dst:{action.Value}");
                break;
            case ActionKind.Enqueue:
                text.Append($"enqueue:{PortName(action.Port)}:{action.Value}");
                break;
            default:
                text.Append($"action {(int)action.Kind}");
                break;
        }
    }
}
