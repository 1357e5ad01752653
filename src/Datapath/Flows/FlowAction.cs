using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Flows;

/// <summary>One action of a flow entry or packet-out: 16 bytes, host order but for the MAC address.</summary>
/// <remarks>
/// <code>
/// 0      2      4       8              14      16
/// | kind | port | value | MAC address  | spare |
/// </code>
/// Only the fields the kind uses are meaningful; the others are zero, so equal actions are equal bytes.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public readonly record struct FlowAction
{
    internal const int Size = 16;

    /// <summary>What it does.</summary>
    [FieldOffset(0)]
    public readonly ActionKind Kind;

    /// <summary>Where <see cref="ActionKind.Output"/> and <see cref="ActionKind.Enqueue"/> send.</summary>
    [FieldOffset(2)]
    public readonly ushort Port;

    /// <summary>The field's new value; max_len of an output; the queue of an enqueue.</summary>
    [FieldOffset(4)]
    public readonly uint Value;

    /// <summary>The address's new value.</summary>
    [FieldOffset(8)]
    public readonly MacAddress Mac;

    /// <summary>Whether it sends the packet, or a copy, somewhere.</summary>
    public bool IsOutput => Kind is ActionKind.Output or ActionKind.Enqueue;

    /// <summary>Whether it may send the packet to all ports.</summary>
    internal bool IsFlood => Kind == ActionKind.Output && Port is PortNumber.Flood or PortNumber.All or PortNumber.Normal;

    /// <summary>Bytes of an action of this kind as OpenFlow has it (§5.2.4), Nicira's as their nicira-ext.h; 0 for other numbers.</summary>
    internal static int WireLengthOf(ActionKind kind) => kind switch
    {
        ActionKind.SetDlSrc or ActionKind.SetDlDst or ActionKind.Enqueue or ActionKind.SetTunnel => 16,
        ActionKind.SetTunnelDestination => 24,
        <= ActionKind.Enqueue => 8,
        _ => 0,
    };

    /// <summary>Bytes of a list.</summary>
    internal static int WireLengthOf(ReadOnlySpan<FlowAction> actions)
    {
        int length = 0;
        foreach (ref readonly FlowAction action in actions)
        {
            length += WireLengthOf(action.Kind);
        }
        return length;
    }

    /// <summary>How many outputs it stands for, if it is one and no flood: what goes through the table may meet any list that is executed at once.</summary>
    internal int Weight => Kind == ActionKind.Output && Port == PortNumber.Table ? ActionList.MostPlainWeight : 1;

    private FlowAction(ActionKind kind, ushort port = 0, uint value = 0, MacAddress mac = default)
    {
        Kind = kind;
        Port = port;
        Value = value;
        Mac = mac;
    }

    /// <param name="port">A physical port or a reserved one of <see cref="PortNumber"/>.</param>
    /// <param name="maxLength">Bytes of the packet to send when the port is CONTROLLER.</param>
    public static FlowAction Output(ushort port, ushort maxLength = 0) => new(ActionKind.Output, port, maxLength);

    /// <summary>VLAN id, 0 to 4095; adds a tag where there is none.</summary>
    public static FlowAction SetVlanVid(ushort vlanId) => new(ActionKind.SetVlanVid, value: vlanId);

    /// <summary>VLAN priority, 0 to 7; adds a tag where there is none.</summary>
    public static FlowAction SetVlanPcp(byte priority) => new(ActionKind.SetVlanPcp, value: priority);

    /// <summary>Removes the VLAN tag, if there is one.</summary>
    public static FlowAction StripVlan() => new(ActionKind.StripVlan);

    /// <summary>Ethernet source.</summary>
    public static FlowAction SetDlSrc(MacAddress address) => new(ActionKind.SetDlSrc, mac: address);

    /// <summary>Ethernet destination.</summary>
    public static FlowAction SetDlDst(MacAddress address) => new(ActionKind.SetDlDst, mac: address);

    /// <summary>IPv4 source, in host byte order; checksums follow.</summary>
    public static FlowAction SetNwSrc(uint address) => new(ActionKind.SetNwSrc, value: address);

    /// <summary>IPv4 destination, in host byte order; checksums follow.</summary>
    public static FlowAction SetNwDst(uint address) => new(ActionKind.SetNwDst, value: address);

    /// <param name="tos">The TOS byte; its low two bits are left to ECN.</param>
    public static FlowAction SetNwTos(byte tos) => new(ActionKind.SetNwTos, value: tos);

    /// <summary>TCP or UDP source port; checksums follow.</summary>
    public static FlowAction SetTpSrc(ushort port) => new(ActionKind.SetTpSrc, value: port);

    /// <summary>TCP or UDP destination port; checksums follow.</summary>
    public static FlowAction SetTpDst(ushort port) => new(ActionKind.SetTpDst, value: port);

    /// <param name="key">Key, VNI or tag.</param>
    public static FlowAction SetTunnel(uint key) => new(ActionKind.SetTunnel, value: key);

    /// <summary>IPv4 address of the remote end, in host byte order, if the packet leaves by a tunnel whose flows choose it.</summary>
    public static FlowAction SetTunnelDestination(uint address) => new(ActionKind.SetTunnelDestination, value: address);

    /// <summary>Sends by a queue of a port; by the port itself if it has no such queue.</summary>
    public static FlowAction Enqueue(ushort port, uint queueId) => new(ActionKind.Enqueue, port, queueId);
}
