namespace Softswitch.NetFpga.Registers;

/// <summary>How a card numbers its four wires and the four queues to and from the host: even is a wire, odd the queue of the same port.</summary>
/// <remarks>Ports are counted from 0 here: port 0 is <c>nf2c0</c>, whatever number the switch gives it.</remarks>
internal static class CardPort
{
    public const int Count = 4;

    /// <summary>Source and destination numbers: wires and queues.</summary>
    public const int NumberCount = 2 * Count;

    public static int Wire(int port) => 2 * port;

    public static int Queue(int port) => (2 * port) + 1;

    /// <summary>The wire's bit of a destination bitmap.</summary>
    public static ushort WireBit(int port) => (ushort)(1 << Wire(port));

    /// <summary>The queue's bit of a destination bitmap.</summary>
    public static ushort QueueBit(int port) => (ushort)(1 << Queue(port));
}
