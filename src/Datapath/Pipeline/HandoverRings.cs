using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>A queue from each worker to each other one, for packets whose egress port another worker serves.</summary>
internal sealed class HandoverRings
{
    private const int Capacity = 1024;

    private readonly SpscRing<Handover>?[][] _byReceiver;
    private readonly SpscRing<Handover>[][] _incoming;
    private readonly IdleStrategy?[] _sleeps;

    public HandoverRings(int workers)
    {
        _byReceiver = new SpscRing<Handover>?[workers][];
        _incoming = new SpscRing<Handover>[workers][];
        _sleeps = new IdleStrategy?[workers];
        for (int to = 0; to < workers; to++)
        {
            _byReceiver[to] = new SpscRing<Handover>?[workers];
            for (int from = 0; from < workers; from++)
            {
                _byReceiver[to][from] = from == to ? null : new SpscRing<Handover>(Capacity);
            }
            _incoming[to] = _byReceiver[to].OfType<SpscRing<Handover>>().ToArray();
        }
    }

    /// <summary>Before the workers run: makes a worker's sleep known to those that hand packets to it.</summary>
    public void Attach(int worker, IdleStrategy sleep) => _sleeps[worker] = sleep;

    /// <summary>Ends the receiver's sleep, if it sleeps: its ports may stay silent for long. Once per flush.</summary>
    public void Wake(int worker) => _sleeps[worker]?.Wake();

    public SpscRing<Handover> Ring(int from, int to) => _byReceiver[to][from]!;

    public ReadOnlySpan<SpscRing<Handover>> To(int worker) => _incoming[worker];

    public bool HasWorkFor(int worker)
    {
        foreach (SpscRing<Handover> ring in _incoming[worker])
        {
            if (!ring.IsEmpty)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Gives back the frames of what waits for a worker.</summary>
    public void Release(int worker, FrameCache frames)
    {
        foreach (SpscRing<Handover> ring in To(worker))
        {
            while (ring.TryDequeue(out Handover item))
            {
                frames.Release(item.Packet);
            }
        }
    }
}
