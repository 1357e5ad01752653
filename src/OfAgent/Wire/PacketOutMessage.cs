using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Wire;

/// <summary>A packet to send: struct ofp_packet_out.</summary>
public ref struct PacketOut
{
    /// <summary>One that names neither buffer nor port.</summary>
    public PacketOut()
    {
    }

    /// <summary>A buffer of the switch, or <see cref="FlowMod.NoBuffer"/>: then <see cref="Data"/> is the packet.</summary>
    public uint BufferId = FlowMod.NoBuffer;

    /// <summary>The ingress its actions see.</summary>
    public ushort InPort = PortNumber.None;

    /// <summary>What becomes of it; none drops.</summary>
    public ReadOnlySpan<FlowAction> Actions;

    /// <summary>The packet from the Ethernet header on, if there is no buffer.</summary>
    public ReadOnlySpan<byte> Data;
}

/// <summary>OFPT_PACKET_OUT (OpenFlow 1.0.0 §5.3.6).</summary>
/// <remarks>
/// <code>
/// 0        8           12        14            16
/// | header | buffer_id | in_port | actions_len | actions ... | data ...
/// </code>
/// </remarks>
internal static class PacketOutMessage
{
    public const int HeaderSize = 16;

    public static void Write(OfBuffer buffer, uint xid, in PacketOut packetOut)
    {
        int actionsLength = FlowAction.WireLengthOf(packetOut.Actions);
        OfWriter writer = buffer.Message(OfType.PacketOut, xid, HeaderSize + actionsLength + packetOut.Data.Length);
        writer.UInt32(packetOut.BufferId);
        writer.UInt16(packetOut.InPort);
        writer.UInt16((ushort)actionsLength);
        OfActions.Write(ref writer, packetOut.Actions);
        writer.Bytes(packetOut.Data);
    }

    /// <param name="actionStorage">Memory for the actions; <see cref="OfActions.MaxCount"/> always suffice.</param>
    /// <param name="packetOut">Refers to the message and to the storage.</param>
    public static bool TryDecode(ReadOnlySpan<byte> message, Span<FlowAction> actionStorage, out PacketOut packetOut, out OfError error)
    {
        packetOut = default;
        if (!OfMessage.HasAtLeast(message, HeaderSize, out error))
        {
            return false;
        }
        OfReader reader = OfReader.Body(message);
        packetOut.BufferId = reader.UInt32();
        packetOut.InPort = reader.UInt16();
        int actionsLength = reader.UInt16();
        if (!OfMessage.HasAtLeast(message, HeaderSize + actionsLength, out error)
            || !OfActions.TryDecode(reader.Bytes(actionsLength), actionStorage, out int count, out error))
        {
            return false;
        }
        packetOut.Actions = actionStorage[..count];
        packetOut.Data = reader.Rest;
        return true;
    }
}
