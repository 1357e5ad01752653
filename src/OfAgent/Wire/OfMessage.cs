using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Wire;

/// <summary>What codecs of several messages share.</summary>
internal static class OfMessage
{
    /// <summary>Bytes of struct ofp_phy_port (OpenFlow 1.0.0 §5.2.1).</summary>
    public const int PortSize = 48;

    /// <summary>OFP_MAX_PORT_NAME_LEN, with the NUL.</summary>
    public const int PortNameSize = 16;

    /// <summary>Whether the message has exactly this length; says OFPBRC_BAD_LEN if not.</summary>
    public static bool HasLength(ReadOnlySpan<byte> message, int length, out OfError error)
    {
        error = OfError.BadRequestBadLength;
        return message.Length == length;
    }

    /// <summary>Whether the message has at least this length; says OFPBRC_BAD_LEN if not.</summary>
    public static bool HasAtLeast(ReadOnlySpan<byte> message, int length, out OfError error)
    {
        error = OfError.BadRequestBadLength;
        return message.Length >= length;
    }

    public static void WritePort(ref OfWriter writer, in PortDescription port)
    {
        writer.UInt16(port.Number);
        writer.Mac(port.HardwareAddress);
        writer.Text(port.Name, PortNameSize);
        writer.UInt32((uint)port.Config);
        writer.UInt32((uint)port.State);
        writer.UInt32((uint)port.Current);
        writer.UInt32((uint)port.Advertised);
        writer.UInt32((uint)port.Supported);
        writer.UInt32((uint)port.Peer);
    }

    public static PortDescription ReadPort(ref OfReader reader)
    {
        ushort number = reader.UInt16();
        MacAddress hardwareAddress = reader.Mac();
        string name = reader.Text(PortNameSize);
        return new PortDescription(
            number,
            hardwareAddress,
            name,
            (PortConfig)reader.UInt32(),
            (PortState)reader.UInt32(),
            (PortFeatures)reader.UInt32(),
            (PortFeatures)reader.UInt32(),
            (PortFeatures)reader.UInt32(),
            (PortFeatures)reader.UInt32());
    }

    /// <summary>Seconds and nanoseconds, as durations go on the wire; seconds beyond 32 bits stay at their limit.</summary>
    public static void WriteDuration(ref OfWriter writer, TimeSpan duration)
    {
        long seconds = duration.Ticks / TimeSpan.TicksPerSecond;
        writer.UInt32((uint)Math.Clamp(seconds, 0, uint.MaxValue));
        writer.UInt32((uint)(Math.Max(0, duration.Ticks % TimeSpan.TicksPerSecond) * TimeSpan.NanosecondsPerTick));
    }

    public static TimeSpan ReadDuration(ref OfReader reader)
    {
        long seconds = reader.UInt32();
        long nanoseconds = reader.UInt32();
        return TimeSpan.FromTicks((seconds * TimeSpan.TicksPerSecond) + (nanoseconds / TimeSpan.NanosecondsPerTick));
    }
}
