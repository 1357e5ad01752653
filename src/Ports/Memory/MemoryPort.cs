using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Memory;

/// <summary>A port whose far end is the program itself: for tests and benchmarks.</summary>
/// <remarks>
/// Packets put in with <see cref="TryInject(ReadOnlySpan{byte})"/> come out of <see cref="Receive"/> in order; what is
/// transmitted waits for <see cref="TryCollect(out Packet)"/>. Nothing is copied between a transmit and its collection.
/// Threads: the worker on one side, one other thread on the far end; or one thread for both, and everything is deterministic.
/// Ownership: the far end rents and releases through <see cref="FarFrames"/>.
/// </remarks>
internal sealed unsafe class MemoryPort : IPort, IPortDevice
{
    private readonly SpscRing<Packet> _toSwitch;
    private readonly SpscRing<Packet> _fromSwitch;
    private volatile Action? _wake;
    private volatile bool _up = true;
    private volatile bool _isSetDown;
    private PortAccount* _account = PortAccount.Nobody;
    private long _receiveDropped;

    /// <param name="name">Shown to controllers.</param>
    /// <param name="pool">The switch's frames.</param>
    /// <param name="capacity">Packets that may wait in each direction, rounded up to a power of two.</param>
    /// <param name="takesOffloads">Whether packets with partial checksums and segments are accepted on transmit.</param>
    public MemoryPort(string name, FramePool pool, int capacity = 1024, bool takesOffloads = false)
    {
        Name = name;
        TakesOffloads = takesOffloads;
        FarFrames = pool.CreateCache();
        _toSwitch = new SpscRing<Packet>(capacity);
        _fromSwitch = new SpscRing<Packet>(capacity);
        Queues = [this];
    }

    public string Name { get; }

    public string Backend => "memory: frames put in and taken out by the program";

    public MacAddress HardwareAddress { get; set; } = new(0x0200_0000_0001);

    public bool TakesOffloads { get; }

    public IReadOnlyList<IPort> Queues { get; }

    /// <summary>Largest layer-3 payload reported, in bytes; 0 for no limit. Not enforced.</summary>
    public int Mtu { get; init; }

    public int PollDescriptor => -1;

    /// <summary>The far end's frames.</summary>
    public FrameCache FarFrames { get; }

    /// <summary>Taken while the port ends, and by a far end that does not know when that is.</summary>
    internal Lock FarEnd { get; } = new();

    /// <summary>The frames are gone. Read under <see cref="FarEnd"/>.</summary>
    internal bool IsDisposed { get; private set; }

    /// <summary>Packets that wait to be received by the switch.</summary>
    public int PendingReceive => _toSwitch.ReadyCount;

    /// <summary>Packets that wait to be collected.</summary>
    public int PendingCollect => _fromSwitch.ReadyCount;

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        int before = batch.Count;
        while (_toSwitch.Peek(batch.Free) is { IsEmpty: false } waiting)
        {
            foreach (ref readonly Packet packet in waiting)
            {
                batch.Add(packet);
            }
            _toSwitch.Advance(waiting.Length);
        }
        frames.TakeIn(batch.Packets[before..]);
        return batch.Count - before;
    }

    public bool WakeBy(Action wake)
    {
        _wake = wake;
        return true;
    }

    public bool Arm() => _toSwitch.IsEmpty;

    public void CountOn(PortAccount* account) => _account = account;

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        if (!_up)
        {
            frames.DropLost(packets, DropReason.LinkDown, &_account->Egress);
            return packets.Length;
        }
        int taken = _fromSwitch.Enqueue(packets);
        frames.HandOut(packets[..taken]);
        return taken;
    }

    /// <summary>Copies a frame to where the switch will receive it.</summary>
    /// <returns>False, counted as a receive drop, when the queue or the pool is full or the frame too long.</returns>
    public bool TryInject(ReadOnlySpan<byte> frame)
    {
        if (!FarFrames.TryRent(frame.Length, out Packet packet))
        {
            _receiveDropped++;
            return false;
        }
        packet.Length = frame.Length;
        frame.CopyTo(packet.Bytes);
        if (TryInject(packet))
        {
            return true;
        }
        FarFrames.Release(packet);
        return false;
    }

    /// <summary>Hands over a packet, with its flags and offload state, to be received by the switch.</summary>
    /// <returns>False, counted as a receive drop, when the queue is full; the packet is then still the caller's.</returns>
    public bool TryInject(in Packet packet)
    {
        if (_toSwitch.TryEnqueue(packet))
        {
            _wake?.Invoke();
            return true;
        }
        _receiveDropped++;
        return false;
    }

    /// <summary>Takes the oldest transmitted packet; the caller releases it to <see cref="FarFrames"/>.</summary>
    public bool TryCollect(out Packet packet) => _fromSwitch.TryDequeue(out packet);

    /// <summary>Takes every transmitted packet as an array of bytes and releases its frame.</summary>
    public List<byte[]> Collect()
    {
        List<byte[]> collected = [];
        while (TryCollect(out Packet packet))
        {
            collected.Add(packet.Bytes.ToArray());
            FarFrames.Release(packet);
        }
        return collected;
    }

    /// <summary>Sets the link state that <see cref="ReadLink"/> reports.</summary>
    public void SetLink(bool up) => _up = up;

    public PortLink ReadLink() => new(_up, Mtu, IsSetDown: _isSetDown);

    public PortCounters ReadCounters() => new() { ReceiveDropped = Volatile.Read(ref _receiveDropped) };

    public void SetAdministrativeState(bool up) => _isSetDown = !up;

    public void Dispose()
    {
        lock (FarEnd)
        {
            if (IsDisposed)
            {
                return;
            }
            IsDisposed = true;
            while (_toSwitch.TryDequeue(out Packet packet) || _fromSwitch.TryDequeue(out packet))
            {
                FarFrames.Release(packet);
            }
            FarFrames.Drain();
        }
    }
}
