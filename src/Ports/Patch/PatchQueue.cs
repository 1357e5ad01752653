using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Patch;

/// <summary>One queue of a patch cable's end. Packets from the far end wait here until the worker receives them.</summary>
/// <remarks>
/// Sending only puts packets into the far end's ring. So a loop of cables neither recurses nor blocks a worker, and the rings bound the packets
/// in it. Threads: one worker; the far end's worker is the ring's only producer.
/// </remarks>
internal sealed unsafe class PatchQueue(PatchPort end) : IPort
{
    // Packets on their way in one direction; a loop of cables holds as many frames of the pool.
    private const int Capacity = 512;

    // Milliseconds that a pass may be stopped in the middle of sending.
    private const int SendPatience = 5000;

    private readonly SpscRing<Packet> _arrived = new(Capacity);
    private volatile PatchQueue? _far;
    private volatile Action? _wake;
    private PortAccount* _account = PortAccount.Nobody;
    private int _isSending;

    /// <summary>Where packets go; null while there is no other end.</summary>
    public PatchQueue? Far
    {
        set => _far = value;
    }

    /// <summary>True: where a switch is handed over, both ends are its own.</summary>
    public bool IsInside => true;

    public int PollDescriptor => -1;

    public void CountOn(PortAccount* account) => _account = account;

    public bool WakeBy(Action wake)
    {
        _wake = wake;
        return true;
    }

    public bool Arm() => _arrived.IsEmpty;

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        int before = batch.Count;
        while (_arrived.Peek(batch.Free) is { IsEmpty: false } waiting)
        {
            foreach (Packet packet in waiting)
            {
                // Offload flags stay; the other switch's own flags do not.
                batch.Add(packet with { Flags = packet.Flags & PacketFlags.OffloadMask });
            }
            _arrived.Advance(waiting.Length);
        }
        frames.TakeIn(batch.Packets[before..]);
        return batch.Count - before;
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        // A fence: either this worker sees that the far end is gone, or the thread that removes it sees this flag and waits.
        Interlocked.Exchange(ref _isSending, 1);
        PatchQueue? far = end.IsUp ? _far : null;
        int taken = far?._arrived.Enqueue(packets) ?? 0;
        Volatile.Write(ref _isSending, 0);
        if (far == null)
        {
            frames.DropLost(packets, DropReason.LinkDown, &_account->Egress);
            return packets.Length;
        }
        frames.HandOut(packets[..taken]);
        far._wake?.Invoke();
        return taken;
    }

    /// <summary>The far end goes: when this returns nothing is put into its ring any more.</summary>
    public void DisconnectAndWait()
    {
        _far = null;
        Interlocked.MemoryBarrier();
        SpinWait spin = default;
        long deadline = Environment.TickCount64 + SendPatience;
        while (Volatile.Read(ref _isSending) != 0 && Environment.TickCount64 < deadline)
        {
            spin.SpinOnce();
        }
    }

    /// <summary>Gives back the waiting packets; neither end uses the queue any more.</summary>
    /// <returns>How many packets there were.</returns>
    public int ReleaseAll(FrameCache frames)
    {
        int count = 0;
        for (; _arrived.TryDequeue(out Packet packet); count++)
        {
            frames.Release(packet);
        }
        return count;
    }
}
