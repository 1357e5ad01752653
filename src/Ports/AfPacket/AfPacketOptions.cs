namespace Softswitch.Ports.AfPacket;

/// <summary>Sizes of an AF_PACKET port's rings. A slot takes 2 KiB of kernel memory.</summary>
/// <param name="ReceiveSlots">Frames that may wait for the switch; a power of two from 32 to 65536.</param>
/// <param name="TransmitSlots">Frames that may wait for the device; a power of two from 32 to 65536.</param>
internal sealed record AfPacketOptions(int ReceiveSlots = 4096, int TransmitSlots = 2048);
