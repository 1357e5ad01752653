namespace Softswitch.Ports.Pcap;

/// <summary>Writes a capture file frame by frame: pcap, nanoseconds, Ethernet.</summary>
/// <remarks>Threads: one. The file is whole after <see cref="Dispose"/>.</remarks>
internal sealed class PcapWriter : IDisposable
{
    private readonly string _path;
    private readonly FileStream _stream;
    private readonly byte[] _head = new byte[PcapFormat.FileHeaderLength];

    private PcapWriter(string path, FileStream stream)
    {
        _path = path;
        _stream = stream;
    }

    /// <param name="path">The file; what it held is lost.</param>
    /// <exception cref="PortException">The file cannot be written.</exception>
    public static PcapWriter Create(string path)
    {
        try
        {
            var writer = new PcapWriter(path, File.Create(path));
            PcapFormat.WriteFileHead(writer._head);
            writer._stream.Write(writer._head);
            return writer;
        }
        catch (Exception e) when (IsOfFile(e))
        {
            throw new PortException($"{path}: {e.Message}", e);
        }
    }

    /// <param name="frame">As much of it as is to be kept.</param>
    /// <param name="nanoseconds">Since 1970.</param>
    /// <param name="lengthOnWire">If it is longer than what is kept.</param>
    /// <exception cref="PortException">The file cannot be written.</exception>
    public void Write(ReadOnlySpan<byte> frame, long nanoseconds, int? lengthOnWire = null)
    {
        PcapFormat.WriteRecordHead(_head, frame.Length, nanoseconds, lengthOnWire);
        try
        {
            _stream.Write(_head.AsSpan(0, PcapFormat.RecordHeaderLength));
            _stream.Write(frame);
        }
        catch (Exception e) when (IsOfFile(e))
        {
            throw new PortException($"{_path}: {e.Message}", e);
        }
    }

    public void Dispose() => _stream.Dispose();

    private static bool IsOfFile(Exception e) => e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException;
}
