using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Wire;

/// <summary>Ports and what is said about them as text, in the words of <c>ovs-ofctl show</c>.</summary>
public static class PortPrinter
{
    private static readonly string[] CapabilityNames =
        ["FLOW_STATS", "TABLE_STATS", "PORT_STATS", "STP", "", "IP_REASM", "QUEUE_STATS", "ARP_MATCH_IP"];

    private static readonly string[] ActionNames =
    [
        "output", "set_vlan_vid", "set_vlan_pcp", "strip_vlan", "mod_dl_src", "mod_dl_dst", "mod_nw_src", "mod_nw_dst",
        "mod_nw_tos", "mod_tp_src", "mod_tp_dst", "enqueue",
    ];

    /// <summary>The order in which Open vSwitch lists actions.</summary>
    private static readonly int[] ActionOrder = [0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    private static readonly string[] ConfigNames =
        ["PORT_DOWN", "NO_STP", "NO_RECV", "NO_RECV_STP", "NO_FLOOD", "NO_FWD", "NO_PACKET_IN"];

    private static readonly string[] FeatureNames =
    [
        "10MB-HD", "10MB-FD", "100MB-HD", "100MB-FD", "1GB-HD", "1GB-FD", "10GB-FD", "COPPER", "FIBER", "AUTO_NEG",
        "AUTO_PAUSE", "AUTO_PAUSE_ASYM",
    ];

    /// <summary>Adds what a features reply says of the switch, ports aside; each line ends with a line feed.</summary>
    public static void AppendFeatures(StringBuilder text, in SwitchFeatures features)
    {
        text.Append($" dpid:{features.DatapathId:x16}\nn_tables:{features.TableCount}, n_buffers:{features.BufferCount}\n");
        text.Append($"capabilities: {Names((uint)features.Capabilities, CapabilityNames)}\n");
        List<string> actions = [];
        foreach (int number in ActionOrder)
        {
            if ((features.Actions & (1u << number)) != 0)
            {
                actions.Add(ActionNames[number]);
            }
        }
        text.Append($"actions: {string.Join(' ', actions)}\n");
    }

    /// <summary>Adds one port in several lines, the last of which ends with a line feed.</summary>
    public static void Append(StringBuilder text, in PortDescription port)
    {
        text.Append($" {ActionPrinter.PortName(port.Number)}({port.Name}): addr:{port.HardwareAddress}\n");
        text.Append($"     config:     {Names((uint)port.Config, ConfigNames)}\n");
        text.Append($"     state:      {StateNames(port.State)}\n");
        AppendFeatureLine(text, "current:   ", port.Current);
        AppendFeatureLine(text, "advertised:", port.Advertised);
        AppendFeatureLine(text, "supported: ", port.Supported);
        AppendFeatureLine(text, "peer:      ", port.Peer);
        text.Append($"     speed: {Megabits(port.Current)} Mbps now, {Megabits(port.Supported)} Mbps max\n");
    }

    internal static bool TryPrintFeatures(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        List<PortDescription> ports = [];
        if (!FeaturesMessage.TryDecodeReply(message, ports, out SwitchFeatures features, out error))
        {
            return false;
        }
        AppendFeatures(text, features);
        foreach (PortDescription port in ports)
        {
            Append(text, port);
        }
        return true;
    }

    internal static bool TryPrintStatus(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        if (!PortStatusMessage.TryDecode(message, out PortStatusReason reason, out PortDescription port, out error))
        {
            return false;
        }
        string change = reason switch
        {
            PortStatusReason.Add => "ADD",
            PortStatusReason.Delete => "DEL",
            PortStatusReason.Modify => "MOD",
            _ => $"{(int)reason}",
        };
        text.Append($" {change}:");
        Append(text, port);
        return true;
    }

    internal static bool TryPrintMod(StringBuilder text, ReadOnlySpan<byte> message, out OfError error)
    {
        if (!PortModMessage.TryDecode(message, out PortMod mod, out error))
        {
            return false;
        }
        text.Append($" port: {ActionPrinter.PortName(mod.Number)}: addr:{mod.HardwareAddress}\n");
        text.Append($"     config: {Names((uint)mod.Config, ConfigNames)}\n");
        text.Append($"     mask:   {Names((uint)mod.Mask, ConfigNames)}\n");
        text.Append($"     advertise: {(mod.Advertise == 0 ? "UNCHANGED" : Names((uint)mod.Advertise, FeatureNames))}\n");
        return true;
    }

    /// <summary>Names of the bits set, and the rest as a number; 0 if there is none.</summary>
    private static string Names(uint bits, string[] names)
    {
        List<string> set = [];
        for (int i = 0; i < names.Length; i++)
        {
            if ((bits & (1u << i)) != 0 && names[i].Length > 0)
            {
                set.Add(names[i]);
                bits &= ~(1u << i);
            }
        }
        if (bits != 0 || set.Count == 0)
        {
            set.Add(bits == 0 ? "0" : $"0x{bits:x}");
        }
        return string.Join(' ', set);
    }

    private static string StateNames(PortState state)
    {
        string spanningTree = (state & PortState.StpMask) switch
        {
            PortState.StpLearn => "STP_LEARN",
            PortState.StpForward => "STP_FORWARD",
            PortState.StpBlock => "STP_BLOCK",
            _ => "",
        };
        bool isDown = (state & PortState.LinkDown) != 0;
        return spanningTree.Length > 0 ? (isDown ? $"{spanningTree} LINK_DOWN" : spanningTree) : isDown ? "LINK_DOWN" : "0";
    }

    private static void AppendFeatureLine(StringBuilder text, string label, PortFeatures features)
    {
        if (features != PortFeatures.None)
        {
            text.Append($"     {label} {Names((uint)features, FeatureNames)}\n");
        }
    }

    /// <summary>The fastest of the speeds named.</summary>
    private static int Megabits(PortFeatures features) =>
        (features & PortFeatures.Speed10GbFull) != 0 ? 10_000
        : (features & (PortFeatures.Speed1GbFull | PortFeatures.Speed1GbHalf)) != 0 ? 1_000
        : (features & (PortFeatures.Speed100MbFull | PortFeatures.Speed100MbHalf)) != 0 ? 100
        : (features & (PortFeatures.Speed10MbFull | PortFeatures.Speed10MbHalf)) != 0 ? 10
        : 0;
}
