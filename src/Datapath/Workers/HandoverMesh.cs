namespace Softswitch.Datapath.Workers;

/// <summary>A queue from each worker to each other one, for packets whose egress port another worker serves.</summary>
internal sealed class HandoverMesh
{
    private const int Capacity = 1024;

    private readonly SpscRing<Handover>?[][] _byReceiver;
    private readonly SpscRing<Handover>[][] _incoming;

    public HandoverMesh(int workers)
    {
        _byReceiver = new SpscRing<Handover>?[workers][];
        _incoming = new SpscRing<Handover>[workers][];
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
}
