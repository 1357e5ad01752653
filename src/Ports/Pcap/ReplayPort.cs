using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Pcap;

/// <summary><c>replay:FILE</c>: receives the frames of a capture file, or a list, from memory, over and over or once, as fast as it is asked.</summary>
/// <remarks>
/// Each receive copies: a frame's new owner may rewrite it. The capture's time stamps are not kept: this is the source of
/// benchmarks. What is sent to the port is released; the switch's port counters count it.
/// </remarks>
internal sealed unsafe class ReplayPort : VirtualPort, IDeviceHandover
{
    private readonly FrameStore _store;
    private readonly bool _once;
    private byte* _next;
    private int _index;
    private long _receiveDropped;
    private bool _disposed;

    private ReplayPort(string name, FrameStore store, bool once)
        : base(name, Describe(store, once))
    {
        _store = store;
        _once = once;
        _next = store.First;
    }

    /// <summary>Whether the one pass of a replay opened with <c>once</c> is over.</summary>
    public bool IsFinished => _once && Volatile.Read(ref _index) == _store.Lengths.Length;

    /// <param name="name">Shown to controllers.</param>
    /// <param name="path">The capture file; it is read to the end now.</param>
    /// <param name="once">One pass, then nothing more.</param>
    /// <exception cref="PortException">The file cannot be read, is damaged or holds no frames.</exception>
    public static ReplayPort Open(string name, string path, bool once = false) => new(name, FrameStore.Load(path), once);

    /// <summary>A port that replays frames made by the program.</summary>
    /// <param name="name">Shown to controllers.</param>
    /// <param name="frames">Copied as they are enumerated: the same memory may be filled anew for each.</param>
    /// <param name="once">One pass, then nothing more.</param>
    /// <exception cref="ArgumentException">There are no frames, or one is empty or longer than <see cref="Packet.MaxLength"/>.</exception>
    public static ReplayPort FromFrames(string name, IEnumerable<ReadOnlyMemory<byte>> frames, bool once = false) =>
        new(name, FrameStore.Copy(frames), once);

    public override int Receive(PacketBatch batch, FrameCache frames)
    {
        ReadOnlySpan<int> lengths = _store.Lengths;
        int capacity = frames.Pool.FrameCapacity;
        Debug.Assert(capacity % FrameStore.Alignment == 0, "a frame takes whole vectors");
        int room = batch.Free;
        int received = 0;
        int index = _index; // in registers: the stores into frames could, for all the compiler knows, change the fields
        byte* next = _next;
        for (int i = 0; i < room; i++)
        {
            if (index == lengths.Length)
            {
                if (_once)
                {
                    break;
                }
                index = 0;
                next = _store.First;
            }
            int length = lengths[index++];
            byte* source = next;
            next += FrameStore.PaddedLength(length);
            if (length <= capacity ? frames.TryRent(out Packet packet) : frames.TryRentLarge(out packet))
            {
                CopyPadded(packet.Data, source, length);
                packet.Length = length;
                batch.Add(packet);
                received++;
            }
            else
            {
                _receiveDropped++;
            }
        }
        _index = index;
        _next = next;
        return received;
    }

    /// <summary>Another process reads the file again, and goes on at the next frame.</summary>
    public override IDeviceHandover Handover => this;

    public void SaveState(BinaryWriter state)
    {
        state.Write(_index);
        state.Write(_receiveDropped);
    }

    public void Adopt(BinaryReader state)
    {
        _index = Math.Clamp(state.ReadInt32(), 0, _store.Lengths.Length); // the file may be another by now
        _receiveDropped = state.ReadInt64();
        _next = _store.First;
        foreach (int length in _store.Lengths[.._index])
        {
            _next += FrameStore.PaddedLength(length);
        }
    }

    public override PortCounters ReadCounters() => new() { ReceiveDropped = Volatile.Read(ref _receiveDropped) };

    protected override void Dispose(bool disposing)
    {
        if (!_disposed)
        {
            _disposed = true;
            _store.Dispose();
        }
        base.Dispose(disposing);
    }

    private static string Describe(FrameStore store, bool once)
    {
        string cut = store.CutFrames > 0 ? $", {store.CutFrames} of them cut by the capture's snapshot length" : string.Empty;
        return $"replay: {store.Lengths.Length} frames of {store.TotalBytes} bytes in memory{cut}, {(once ? "once" : "without end")}";
    }

    /// <summary>Whole cache lines: a minimal frame is one load and one store (two each without AVX-512), no branch on the length's low bits.</summary>
    /// <remarks>
    /// Both sides have room up to the next multiple of 64: the store by its padding, a frame because its capacity is such a
    /// multiple, a large frame because its memory exceeds its capacity by far.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyPadded(byte* destination, byte* source, int length)
    {
        for (int offset = 0; offset < length; offset += FrameStore.Alignment)
        {
            Vector512.Load(source + offset).Store(destination + offset);
        }
    }
}
