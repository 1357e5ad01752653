namespace Softswitch.OfAgent.Wire;

/// <summary>OFPT_BARRIER_REQUEST and OFPT_BARRIER_REPLY (OpenFlow 1.0.0 §5.3.7). They are headers only.</summary>
internal static class BarrierMessage
{
    public static void WriteRequest(OfBuffer buffer, uint xid) => buffer.Message(OfType.BarrierRequest, xid, OfHeader.Size);

    public static void WriteReply(OfBuffer buffer, uint xid) => buffer.Message(OfType.BarrierReply, xid, OfHeader.Size);
}
