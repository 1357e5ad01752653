using System.Diagnostics;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports;

namespace Softswitch.Lab.Measures;

/// <summary>Receives one frame over and over at a set rate, the time of receipt written into its <see cref="FrameTag"/>.</summary>
internal sealed unsafe class PacedPort : VirtualPort
{
    private readonly byte[] _frame;
    private long _start;
    private double _packetsPerTick;
    private double _due;
    private long _receiveDropped;
    private volatile bool _stopped = true;

    /// <param name="name">Shown to controllers.</param>
    /// <param name="frame">Ends in a tag.</param>
    public PacedPort(string name, ReadOnlySpan<byte> frame)
        : base(name, "one frame at a set rate") => _frame = frame.ToArray();

    /// <summary>Any thread: sends so many packets a second from now on; infinity for as many as are taken.</summary>
    public void Start(double packetsPerSecond)
    {
        _start = Stopwatch.GetTimestamp();
        _packetsPerTick = packetsPerSecond / Stopwatch.Frequency;
        _due = 0;
        _stopped = false;
    }

    /// <summary>Any thread: silence.</summary>
    public void Stop() => _stopped = true;

    public override int Receive(PacketBatch batch, FrameCache frames)
    {
        if (_stopped)
        {
            return 0;
        }
        long now = Stopwatch.GetTimestamp();
        int count = batch.Free;
        if (!double.IsPositiveInfinity(_packetsPerTick))
        {
            count = (int)Math.Min(count, ((now - _start) * _packetsPerTick) - _due);
            _due += Math.Max(0, count);
        }
        int received = 0;
        while (received < count)
        {
            if (!frames.TryRent(_frame.Length, out Packet packet))
            {
                _receiveDropped += count - received;
                break;
            }
            packet.Length = _frame.Length;
            _frame.CopyTo(packet.Bytes);
            Unsafe.WriteUnaligned(packet.Data + packet.Length - FrameTag.Size + FrameTag.StampOffset, now);
            batch.Add(packet);
            received++;
        }
        return received;
    }

    public override PortCounters ReadCounters() => new() { ReceiveDropped = Volatile.Read(ref _receiveDropped) };
}
