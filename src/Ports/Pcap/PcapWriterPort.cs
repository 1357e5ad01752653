using Microsoft.Win32.SafeHandles;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Pcap;

/// <summary><c>pcap:FILE</c>: writes what it is sent to a capture file (pcap, nanoseconds, Ethernet) and receives nothing.</summary>
/// <remarks>
/// Packets are gathered in memory and written when the buffer is full, after at most a second, and on dispose. What cannot be written is
/// counted as transmit errors; the file is cut back to its last whole record, so it stays readable, and a later write may succeed.
/// Threads: the worker and the flushing timer meet under a lock taken once a batch.
/// </remarks>
public sealed class PcapWriterPort : IPort, IPortDevice
{
    private const int BufferSize = 1 << 20;
    private static readonly TimeSpan FlushInterval = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(BufferSize, pinned: true);
    private readonly SafeFileHandle _file;
    private readonly Timer _timer;
    private int _used;
    private int _pendingFrames;
    private long _fileLength;
    private long _transmitErrors;
    private bool _disposed;

    private PcapWriterPort(string name, string path, SafeFileHandle file)
    {
        Name = name;
        _file = file;
        HardwareAddress = LocalMacAddress.For(name);
        Queues = [this];
        Backend = $"pcap: writes {path}";
        WriteHead();
        _timer = new Timer(static state => ((PcapWriterPort)state!).Flush(), this, FlushInterval, FlushInterval);
    }

    public string Name { get; }

    public string Backend { get; }

    public MacAddress HardwareAddress { get; }

    /// <summary>False: a capture shows frames as they would be on the wire.</summary>
    public bool TakesOffloads => false;

    public IReadOnlyList<IPort> Queues { get; }

    public int PollDescriptor => -1;

    /// <param name="name">Shown to controllers.</param>
    /// <param name="path">The file; what it held is lost.</param>
    /// <exception cref="PortException">The file cannot be made.</exception>
    public static PcapWriterPort Open(string name, string path)
    {
        try
        {
            SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.Read);
            var port = new PcapWriterPort(name, path, file);
            port.Flush();
            return port;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new PortException($"{path}: {e.Message}", e);
        }
    }

    public int Receive(PacketBatch batch, FrameCache frames) => 0;

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        long now = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        lock (_gate)
        {
            foreach (ref readonly Packet packet in packets)
            {
                Append(packet.Bytes, now);
            }
        }
        frames.Release(packets);
        return packets.Length;
    }

    public PortLink ReadLink() => new(Up: true, Mtu: 0);

    public PortLosses ReadLosses() => new() { TransmitErrors = Volatile.Read(ref _transmitErrors) };

    public void SetAdministrativeState(bool up)
    {
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }
            _timer.Dispose();
            WriteBuffer();
            _disposed = true;
            _file.Dispose();
        }
    }

    /// <summary>Writes what is in memory.</summary>
    internal void Flush()
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                WriteBuffer();
            }
        }
    }

    private void WriteHead()
    {
        PcapFormat.WriteFileHead(_buffer);
        _used = PcapFormat.FileHeaderLength;
    }

    private void Append(ReadOnlySpan<byte> frame, long nanoseconds)
    {
        int size = PcapFormat.RecordHeaderLength + frame.Length;
        if (_used + size > _buffer.Length)
        {
            WriteBuffer();
        }
        Span<byte> record = _buffer.AsSpan(_used, size); // a packet is at most 64 KiB: it fits an empty buffer
        PcapFormat.WriteRecordHead(record, frame.Length, nanoseconds);
        frame.CopyTo(record[PcapFormat.RecordHeaderLength..]);
        _used += size;
        _pendingFrames++;
    }

    private void WriteBuffer()
    {
        if (_used == 0)
        {
            return;
        }
        try
        {
            RandomAccess.Write(_file, _buffer.AsSpan(0, _used), _fileLength);
            _fileLength += _used;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _transmitErrors += _pendingFrames;
            CutBack();
        }
        if (_fileLength > 0)
        {
            _used = 0;
        }
        else
        {
            _used = PcapFormat.FileHeaderLength; // not even the head is in the file: it goes first next time
        }
        _pendingFrames = 0;
    }

    private void CutBack()
    {
        try
        {
            RandomAccess.SetLength(_file, _fileLength);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            // A pipe or a device has no length to restore.
        }
    }
}
