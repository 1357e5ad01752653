using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Text;

/// <summary>Writes action lists in the words of ovs-ofctl 3.1: <c>mod_vlan_vid:5,output:2,CONTROLLER:128</c>.</summary>
internal static class ActionText
{
    private const int MostRead = 100;

    /// <summary>The actions; <c>drop</c> if there are none.</summary>
    public static void Append(StringBuilder text, ReadOnlySpan<FlowAction> actions)
    {
        if (actions.IsEmpty)
        {
            text.Append("drop");
            return;
        }
        for (int i = 0; i < actions.Length; i++)
        {
            if (i > 0)
            {
                text.Append(',');
            }
            AppendOne(text, actions[i]);
        }
    }

    /// <summary>As many as a person reads; behind them how many more there are.</summary>
    public static void AppendFirst(StringBuilder text, ReadOnlySpan<FlowAction> actions)
    {
        Append(text, actions[..Math.Min(MostRead, actions.Length)]);
        if (actions.Length > MostRead)
        {
            text.Append($",... and {actions.Length - MostRead} more, {actions.Length} in all");
        }
    }

    // As C's %#x, which ovs-ofctl uses: 0 has no prefix.
    private static string Hexadecimal(uint value) => value == 0 ? "0" : $"0x{value:x}";

    private static void AppendOne(StringBuilder text, in FlowAction action)
    {
        _ = action.Kind switch
        {
            ActionKind.Output when action.Port == PortNumber.Controller => text.Append($"CONTROLLER:{action.Value}"),
            ActionKind.Output when action.Port >= PortNumber.InPort => text.Append(PortNames.Format(action.Port)),
            ActionKind.Output => text.Append($"output:{action.Port}"),
            ActionKind.SetVlanVid => text.Append($"mod_vlan_vid:{action.Value}"),
            ActionKind.SetVlanPcp => text.Append($"mod_vlan_pcp:{action.Value}"),
            ActionKind.StripVlan => text.Append("strip_vlan"),
            ActionKind.SetDlSrc => text.Append($"mod_dl_src:{action.Mac}"),
            ActionKind.SetDlDst => text.Append($"mod_dl_dst:{action.Mac}"),
            ActionKind.SetNwSrc => text.Append($"mod_nw_src:{TextNumber.FormatAddress(action.Value)}"),
            ActionKind.SetNwDst => text.Append($"mod_nw_dst:{TextNumber.FormatAddress(action.Value)}"),
            ActionKind.SetNwTos => text.Append($"mod_nw_tos:{action.Value}"),
            ActionKind.SetTpSrc => text.Append($"mod_tp_src:{action.Value}"),
            ActionKind.SetTpDst => text.Append($"mod_tp_dst:{action.Value}"),
            ActionKind.Enqueue => text.Append($"enqueue:{PortNames.Format(action.Port)}:{action.Value}"),
            ActionKind.SetTunnel => text.Append($"set_tunnel:{Hexadecimal(action.Value)}"),
            ActionKind.SetTunnelDestination => text.Append($"load:{Hexadecimal(action.Value)}->{ActionSyntax.TunnelDestination}"),
            _ => text.Append($"unknown action {(ushort)action.Kind}"),
        };
    }
}
