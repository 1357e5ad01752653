namespace Softswitch.OfAgent.Wire;

/// <summary>OFPT_HELLO (OpenFlow 1.0.0 §5.5.1). Its body, if any, is ignored: later versions put their version bitmap there.</summary>
public static class HelloMessage
{
    public static void Write(OfBuffer buffer, uint xid) => buffer.Message(OfType.Hello, xid, OfHeader.Size);
}
