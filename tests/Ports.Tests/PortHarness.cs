using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>A port under test with its far end: what a wire and a peer would be.</summary>
internal abstract class PortHarness : IDisposable
{
    protected PortHarness(FramePool pool)
    {
        Pool = pool;
        Frames = pool.CreateCache();
    }

    public FramePool Pool { get; }

    /// <summary>The worker's cache.</summary>
    public FrameCache Frames { get; }

    public abstract IPortDevice Device { get; }

    public IPort Queue => Device.Queues[0];

    /// <summary>Longest frame that passes.</summary>
    public virtual int MaxFrame => 1514;

    /// <summary>Frames of the pool the open port keeps for what is to arrive and what is being sent.</summary>
    public virtual int HeldFrames => 0;

    /// <summary>Whether what is sent can be seen; false for a port that drops it.</summary>
    public virtual bool ShowsSent => true;

    /// <summary>Frames that were to arrive and for which the pool had none.</summary>
    public virtual long ReceiveDropped => Device.ReadCounters().ReceiveDropped;

    /// <summary>Makes a frame arrive; false when the way is full and the port must receive first.</summary>
    public abstract bool TryOffer(ReadOnlySpan<byte> frame);

    /// <summary>The next frame that came out of the port; null when there is none yet.</summary>
    public abstract byte[]? NextSent();

    /// <summary>Sets the interface up or down from outside; nothing for a port without one.</summary>
    public virtual void SetLink(bool up)
    {
    }

    /// <summary>Frees what the harness itself keeps of the pool's frames.</summary>
    public virtual void ReleaseFarEnd()
    {
    }

    /// <summary>Transmits one frame, waiting while the queue is full.</summary>
    public void Send(ReadOnlySpan<byte> frame)
    {
        Packet packet = Frames.Rent(frame);
        Eventually.Polled(() => Queue.Transmit(new ReadOnlySpan<Packet>(in packet), Frames) == 1, () => "the port takes nothing");
    }

    /// <summary>Receives until <paramref name="count"/> frames have come, as copies.</summary>
    public List<byte[]> ReceiveFrames(int count) => Device.Receive(Frames, count);

    /// <summary>Receives once, and throws away what came.</summary>
    public void ReceiveWhatIsThere()
    {
        var batch = new PacketBatch();
        Queue.Receive(batch, Frames);
        Frames.Release(batch.Packets);
    }

    /// <summary>After an interruption: waits until a frame passes each way, and until nothing older is on its way.</summary>
    public void AwaitPassage(byte[] probe)
    {
        bool came = false;
        bool left = false;
        Eventually.Polled(Passes, () => $"after the interruption nothing {(came ? "goes out" : "comes in")}");

        bool Passes()
        {
            if (!came)
            {
                TryOffer(probe);
            }
            if (!left)
            {
                Send(probe);
            }
            var batch = new PacketBatch();
            bool isStill = Queue.Receive(batch, Frames) == 0;
            foreach (ref readonly Packet packet in batch.Packets)
            {
                came |= packet.Bytes.SequenceEqual(probe);
                Frames.Release(packet);
            }
            while (NextSent() is { } frame)
            {
                left |= frame.AsSpan().SequenceEqual(probe);
                isStill = false;
            }
            return came && left && isStill;
        }
    }

    /// <summary>Waits for the next frame that comes out.</summary>
    public byte[] ExpectSent()
    {
        byte[]? frame = null;
        Eventually.Polled(() => (frame = NextSent()) != null, () => "nothing came out");
        return frame!;
    }

    public abstract void Dispose();
}
