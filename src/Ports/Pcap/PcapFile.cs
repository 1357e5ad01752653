namespace Softswitch.Ports.Pcap;

/// <summary>A capture file made at one go, for programs that take their traffic from one.</summary>
public static class PcapFile
{
    /// <summary>Writes frames in their order: pcap, Ethernet, all at time 0.</summary>
    /// <param name="path">The file; what it held is lost.</param>
    /// <param name="frames">Written as they are enumerated: the same memory may be filled anew for each.</param>
    /// <exception cref="PortException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<ReadOnlyMemory<byte>> frames)
    {
        Span<byte> head = stackalloc byte[PcapFormat.FileHeaderLength];
        try
        {
            using FileStream stream = File.Create(path);
            PcapFormat.WriteFileHead(head);
            stream.Write(head);
            foreach (ReadOnlyMemory<byte> frame in frames)
            {
                PcapFormat.WriteRecordHead(head, frame.Length, nanoseconds: 0);
                stream.Write(head[..PcapFormat.RecordHeaderLength]);
                stream.Write(frame.Span);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new PortException($"{path}: {e.Message}", e);
        }
    }
}
