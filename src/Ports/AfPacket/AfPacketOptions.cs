namespace Softswitch.Ports.AfPacket;

/// <summary>Sizes of an AF_PACKET port's rings, where they are to stay as they are: slots of 2 KiB of kernel memory.</summary>
/// <param name="ReceiveSlots">Frames that may wait for the switch; a power of two from 32 to 65536. Null for a ring that grows by
/// need.</param>
/// <param name="TransmitSlots">Frames that may wait for the device; as above.</param>
internal sealed record AfPacketOptions(int? ReceiveSlots = null, int? TransmitSlots = null)
{
    /// <summary>By which many packets come and go.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
