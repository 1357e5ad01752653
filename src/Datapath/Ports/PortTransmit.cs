using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Ports;

/// <summary>The way every packet leaves: past the worker's tap, if there is one, to the device.</summary>
internal static class PortTransmit
{
    /// <summary>As <see cref="IPort.Transmit"/>.</summary>
    /// <param name="number">The port's.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int TransmitAs(this IPort queue, ushort number, ReadOnlySpan<Packet> packets, FrameCache frames) =>
        frames.Tap is { } tap ? TransmitSeen(queue, number, packets, frames, tap) : queue.Transmit(packets, frames);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int TransmitSeen(IPort queue, ushort number, ReadOnlySpan<Packet> packets, FrameCache frames, PacketTap tap)
    {
        int call = tap.Sending(packets, number); // before: what the device takes is the device's
        int taken = queue.Transmit(packets, frames);
        if (taken < packets.Length)
        {
            tap.Refused(call, taken);
        }
        return taken;
    }
}
