namespace Softswitch.Ports.AfXdp;

/// <summary>How an AF_XDP port is opened.</summary>
/// <param name="ReceiveSlots">Frames of the pool kept ready for what arrives at each queue, a power of two from 32 to 65536.</param>
/// <param name="TransmitSlots">Frames of the pool that may wait for the device in each queue; as above.</param>
/// <param name="Mode">Where the program is to run.</param>
/// <param name="Queues">How many queues the interface must have; null to take as many as it has.</param>
internal sealed record AfXdpOptions(int ReceiveSlots = 4096, int TransmitSlots = 2048, XdpMode Mode = XdpMode.Best, int? Queues = null)
{
    /// <summary>Frames each queue may have at a time.</summary>
    public int FramesPerQueue => ReceiveSlots + TransmitSlots;
}

/// <summary>Where an XDP program runs.</summary>
internal enum XdpMode
{
    /// <summary>In the driver; where it has no place for one, or not for the interface as it is set up, in the kernel's generic hook.</summary>
    Best,

    /// <summary>In the driver (XDP_FLAGS_DRV_MODE).</summary>
    Native,

    /// <summary>In the kernel, on finished socket buffers (XDP_FLAGS_SKB_MODE): any device, slower.</summary>
    Generic,
}
