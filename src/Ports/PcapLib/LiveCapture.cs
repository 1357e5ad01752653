using SharpPcap.LibPcap;

namespace Softswitch.Ports.PcapLib;

/// <summary>A live device that tells its file descriptor, which SharpPcap shows to derived classes only.</summary>
internal sealed class LiveCapture(PcapInterface source) : LibPcapLiveDevice(source)
{
    /// <summary>What pcap_get_selectable_fd gave at Open: on Linux the AF_PACKET socket itself. -1 if there is none.</summary>
    public int Descriptor => FileDescriptor;
}
