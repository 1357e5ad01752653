using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Pcap;

/// <summary><c>pcap:FILE</c>: writes what it is sent to a capture file (pcap, nanoseconds, Ethernet) or named pipe and receives nothing.</summary>
/// <remarks>
/// Packets are gathered in one of two buffers, while a thread of the port writes the other: when the first is half full, after half a second, and on dispose.
/// The worker never waits for a disk or a pipe's reader; while both buffers are full the port takes no packets. Packets that cannot be written
/// are counted: those of a pipe that nobody reads as dropped, those that a file has no room for as errors. A file is cut back to its last whole
/// record, so it stays readable, and a later write may succeed. The fault stays shown, because the capture lacks packets for good; a pipe's next
/// reader gets a capture of its own.
/// Threads: the worker and the writer meet under a lock taken once a batch and never held over a system call.
/// </remarks>
internal sealed class PcapWriterPort : VirtualPort, IDeviceHandover
{
    // Some tens of milliseconds at a million small packets a second: a disk may be busy for that long.
    private const int BufferSize = 4 << 20;
    private static readonly TimeSpan FlushInterval = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly Lock _writing = new();
    private readonly TimeProvider _time;
    private readonly string _path;
    private readonly CaptureTarget _target;
    private readonly AutoResetEvent _wake = new(false);
    private readonly Thread _thread;
    private byte[] _filling = GC.AllocateUninitializedArray<byte>(BufferSize);
    private byte[] _spare = GC.AllocateUninitializedArray<byte>(BufferSize);
    private int _used;
    private int _pendingFrames;
    private long _transmitErrors; // by a file
    private long _transmitDropped; // by a pipe
    private volatile string? _fault;
    private volatile bool _disposed;

    private PcapWriterPort(string name, string path, CaptureTarget target, TimeProvider? time = null)
        : base(name, $"pcap: writes {path}")
    {
        _time = time ?? TimeProvider.System;
        _path = path;
        _target = target;
        if (!target.MayWait)
        {
            Flush(); // the head: a reader finds a capture from the start
        }
        _thread = new Thread(WriteUntilDisposed) { IsBackground = true, Name = "pcap writer" };
        _thread.Start();
    }

    /// <summary>False: a capture shows frames as they would be on the wire.</summary>
    public override bool TakesOffloads => false;

    public override string? Fault => _fault;

    /// <summary>
    /// A reader that stands still loses the rest then. A disk that does not answer must not keep a port from being removed either: its thread is left behind.
    /// </summary>
    internal TimeSpan EndPatience { get; set; } = TimeSpan.FromSeconds(1);

    /// <param name="name">Shown to controllers.</param>
    /// <param name="path">The file, what it held is lost; or a pipe that somebody reads.</param>
    /// <param name="time">Stamps the packets.</param>
    /// <exception cref="PortException">The file cannot be made, or nobody reads the pipe.</exception>
    public static PcapWriterPort Open(string name, string path, TimeProvider? time = null) => new(name, path, CaptureTarget.Open(path), time);

    /// <summary>The same for a file that another process still writes: nothing is written before <see cref="Adopt"/>.</summary>
    /// <exception cref="PortException">The file cannot be opened.</exception>
    public static PcapWriterPort Continue(string name, string path) => new(name, path, CaptureTarget.Continue(path));

    /// <summary>Another process opens the file, too, and goes on behind what is in it.</summary>
    public override IDeviceHandover Handover => this;

    public DeviceOffer Offer() => _target.MayWait ? throw new NotSupportedException("its pipe has one writer") : DeviceOffer.Anew;

    public void SaveState(BinaryWriter state)
    {
        Flush();
        state.Write(_target.Place);
        state.Write(_target.Length);
        state.Write(_transmitErrors);
    }

    public void Adopt(BinaryReader state)
    {
        lock (_writing)
        {
            _target.GoOn(state.ReadString(), state.ReadInt64());
            _transmitErrors = state.ReadInt64();
            _fault = _transmitErrors == 0 ? null : Lacks("the process before this one could not write them");
        }
    }

    public override int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        long now = (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        int taken = 0;
        bool wake;
        lock (_lock)
        {
            int before = _used;
            while (taken < packets.Length && TryAppend(packets[taken].Bytes, now))
            {
                taken++;
            }
            wake = before <= BufferSize / 2 && _used > BufferSize / 2;
        }
        if (wake)
        {
            _wake.Set();
        }
        frames.Release(packets[..taken]);
        return taken;
    }

    public override PortCounters ReadCounters() =>
        new() { TransmitErrors = Volatile.Read(ref _transmitErrors), TransmitDropped = Volatile.Read(ref _transmitDropped) };

    protected override void Dispose(bool disposing)
    {
        if (!_disposed)
        {
            _disposed = true;
            _wake.Set();
            bool ended = _thread.Join(EndPatience);
            if (!ended && _target.MayWait)
            {
                _target.Stop();
                ended = _thread.Join(EndPatience);
            }
            if (ended)
            {
                _wake.Dispose(); // disposed by this thread only: another could do so before the Set above
            }
        }
        base.Dispose(disposing);
    }

    /// <summary>Writes the gathered packets.</summary>
    internal void Flush()
    {
        lock (_writing)
        {
            byte[] records = _filling;
            int used;
            int frames;
            lock (_lock)
            {
                (used, frames) = (_used, _pendingFrames);
                (_used, _pendingFrames) = (0, 0);
                _filling = _spare;
            }
            string? failure = _target.Write(records.AsSpan(0, used));
            _spare = records;
            if (failure != null)
            {
                (_target.MayWait ? ref _transmitDropped : ref _transmitErrors) += frames;
                _fault = Lacks(failure);
            }
            else if (used > 0 && _target.MayWait)
            {
                _fault = null;
            }
        }
    }

    private string Lacks(string failure) => $"{_path} lacks packets: {failure}";

    private void WriteUntilDisposed()
    {
        do
        {
            Flush();
            _wake.WaitOne(FlushInterval);
        }
        while (!_disposed);
        Flush();
        _target.Dispose();
    }

    private bool TryAppend(ReadOnlySpan<byte> frame, long nanoseconds)
    {
        int size = PcapFormat.RecordHeaderLength + frame.Length;
        if (_used + size > BufferSize)
        {
            return false;
        }
        Span<byte> record = _filling.AsSpan(_used, size);
        PcapFormat.WriteRecordHead(record, frame.Length, nanoseconds);
        frame.CopyTo(record[PcapFormat.RecordHeaderLength..]);
        _used += size;
        _pendingFrames++;
        return true;
    }
}
