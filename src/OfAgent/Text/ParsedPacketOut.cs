using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Text;

/// <summary>A packet-out as <see cref="PacketOutSyntax"/> reads it.</summary>
internal sealed class ParsedPacketOut
{
    public uint BufferId { get; set; } = FlowMod.NoBuffer;

    public ushort InPort { get; set; } = PortNumber.None;

    public FlowAction[] Actions { get; set; } = [];

    public byte[] Packet { get; set; } = [];

    public PacketOut ToPacketOut() => new() { BufferId = BufferId, InPort = InPort, Actions = Actions, Data = Packet };
}
