using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.OfAgent.Wire;

/// <summary>A packet-in as a controller gets it.</summary>
public ref struct ReceivedPacketIn
{
    /// <summary>Where the switch keeps the packet, or <see cref="FlowMod.NoBuffer"/>.</summary>
    public uint BufferId;

    /// <summary>Bytes of the whole packet; <see cref="Data"/> may hold fewer.</summary>
    public ushort TotalLength;

    /// <summary>The port it came in on.</summary>
    public ushort InPort;

    /// <summary>Why it was sent.</summary>
    public PacketInReason Reason;

    /// <summary>Part of the message it was decoded from.</summary>
    public ReadOnlySpan<byte> Data;
}

/// <summary>OFPT_PACKET_IN (OpenFlow 1.0.0 §5.4.1).</summary>
/// <remarks>
/// <code>
/// 0        8           12          14        16       17    18
/// | header | buffer_id | total_len | in_port | reason | pad | data ...
/// </code>
/// </remarks>
internal static class PacketInMessage
{
    /// <summary>Bytes before the packet; the specification's OFP_ASSERT says 20 because C pads the struct, but data starts at 18.</summary>
    public const int HeaderSize = 18;

    /// <summary>Most of a packet that a message holds.</summary>
    public const int MaxData = OfHeader.MaxMessageLength - HeaderSize;

    /// <param name="length">Bytes of the packet to send; more than it has, or than fits, means all that fits.</param>
    public static void Write(OfBuffer buffer, uint xid, in PacketIn packetIn, int length)
    {
        ReadOnlySpan<byte> data = packetIn.Data[..Math.Min(length, Math.Min(packetIn.Data.Length, MaxData))];
        OfWriter writer = buffer.Message(OfType.PacketIn, xid, HeaderSize + data.Length);
        writer.UInt32(packetIn.BufferId);
        writer.UInt16((ushort)Math.Min(packetIn.Data.Length, ushort.MaxValue));
        writer.UInt16(packetIn.InPort);
        writer.UInt8((byte)packetIn.Reason);
        writer.Pad(1);
        writer.Bytes(data);
    }

    public static bool TryDecode(ReadOnlySpan<byte> message, out ReceivedPacketIn packetIn, out OfError error)
    {
        packetIn = default;
        if (!OfMessage.HasAtLeast(message, HeaderSize, out error))
        {
            return false;
        }
        OfReader reader = OfReader.Body(message);
        packetIn.BufferId = reader.UInt32();
        packetIn.TotalLength = reader.UInt16();
        packetIn.InPort = reader.UInt16();
        packetIn.Reason = (PacketInReason)reader.UInt8();
        reader.Skip(1);
        packetIn.Data = reader.Rest;
        return true;
    }
}
