namespace Softswitch.Ports.Pcap;

/// <summary>A capture file made at one go, for programs that take their traffic from one.</summary>
internal static class PcapFile
{
    /// <summary>Writes frames in their order: pcap, Ethernet, all at time 0.</summary>
    /// <param name="path">The file; what it held is lost.</param>
    /// <param name="frames">Written as they are enumerated: the same memory may be filled anew for each.</param>
    /// <exception cref="PortException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<ReadOnlyMemory<byte>> frames)
    {
        using PcapWriter writer = PcapWriter.Create(path);
        foreach (ReadOnlyMemory<byte> frame in frames)
        {
            writer.Write(frame.Span, nanoseconds: 0);
        }
    }
}
