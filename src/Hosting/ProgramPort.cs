using Softswitch.Datapath.Packets;
using Softswitch.Ports.Memory;

namespace Softswitch.Hosting;

/// <summary>A port of a switch whose far end is the program itself: frames go in and come out as spans.</summary>
/// <remarks>
/// Threads: any. Up to 1024 frames wait in each direction; what the switch sends beyond is dropped and counted (TransmitQueueFull).
/// </remarks>
public sealed class ProgramPort
{
    private readonly MemoryPort _device;

    internal ProgramPort(ushort number, MemoryPort device) => (Number, _device) = (number, device);

    /// <summary>The OpenFlow port number.</summary>
    public ushort Number { get; }

    /// <summary>As shown to controllers.</summary>
    public string Name => _device.Name;

    /// <summary>Has the switch receive a frame, within a millisecond.</summary>
    /// <param name="frame">At least an Ethernet header, 14 bytes; without FCS. Copied.</param>
    /// <returns>False when 1024 wait, no memory for packets is left, the frame is too long, or the port has left the switch.</returns>
    public bool TrySend(ReadOnlySpan<byte> frame)
    {
        lock (_device.FarEnd)
        {
            return !_device.IsDisposed && _device.TryInject(frame);
        }
    }

    /// <summary>Takes the oldest frame the switch has sent. Does not wait.</summary>
    /// <param name="buffer">Where it is copied to, from the Ethernet header on, checksums finished; what does not fit is lost.</param>
    /// <param name="length">The whole frame's bytes.</param>
    /// <returns>False when there is none, or the port has left the switch.</returns>
    public bool TryReceive(Span<byte> buffer, out int length)
    {
        lock (_device.FarEnd)
        {
            if (_device.IsDisposed || !_device.TryCollect(out Packet packet))
            {
                length = 0;
                return false;
            }
            length = packet.Length;
            packet.Bytes[..Math.Min(length, buffer.Length)].CopyTo(buffer);
            _device.FarFrames.Release(packet);
            return true;
        }
    }
}
