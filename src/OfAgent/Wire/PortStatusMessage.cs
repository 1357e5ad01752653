using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Wire;

/// <summary>OFPT_PORT_STATUS (OpenFlow 1.0.0 §5.4.3).</summary>
internal static class PortStatusMessage
{
    public const int Size = 16 + OfMessage.PortSize;

    public static void Write(OfBuffer buffer, uint xid, PortStatusReason reason, in PortDescription port)
    {
        OfWriter writer = buffer.Message(OfType.PortStatus, xid, Size);
        writer.UInt8((byte)reason);
        writer.Pad(7);
        OfMessage.WritePort(ref writer, port);
    }

    public static bool TryDecode(ReadOnlySpan<byte> message, out PortStatusReason reason, out PortDescription port, out OfError error)
    {
        OfReader reader = OfReader.Body(message);
        reason = (PortStatusReason)reader.UInt8();
        reader.Skip(7);
        port = OfMessage.ReadPort(ref reader);
        return OfMessage.HasLength(message, Size, out error);
    }
}
