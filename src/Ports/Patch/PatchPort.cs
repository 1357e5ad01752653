using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Patch;

/// <summary><c>patch:NAME</c>: one end of a cable to another port of the process, of another switch or of the same one.</summary>
/// <remarks>
/// Packets pass as they are, in their frames, unfinished checksums and segments included. The link is up while both ends are there and
/// neither is set down. Threads: as <see cref="IPortDevice"/> has it; each queue by one worker at either end.
/// </remarks>
internal sealed class PatchPort : IPortDevice
{
    // Ends that belong together are opened one after the other, in switches that start one after the other.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly PatchCables _cables;
    private readonly TimeProvider _clock;
    private readonly PatchQueue[] _queues;
    private volatile PatchPort? _far;
    private volatile bool _isSetDown;
    private long _lost;
    private long _aloneSince;
    private int _isDisposed;

    internal PatchPort(PatchCables cables, string opener, string cable, int place, int queues, TimeProvider clock)
    {
        _cables = cables;
        _clock = clock;
        _aloneSince = clock.GetTimestamp();
        _queues = [.. Enumerable.Range(0, queues).Select(_ => new PatchQueue(this))];
        Opener = opener;
        Name = cable;
        HardwareAddress = LocalMacAddress.For($"patch:{cable}:{place}");
    }

    public event Action<string?>? Changed;

    /// <summary>The cable's.</summary>
    public string Name { get; }

    /// <summary>What errors call the port.</summary>
    public string Opener { get; }

    public string Backend => "patch: to another port of the process, frames passed on";

    /// <summary>A cable whose other end does not come, such as one of a misspelt name.</summary>
    public string? Fault => _far == null && _clock.GetElapsedTime(Volatile.Read(ref _aloneSince)) >= Patience
        ? $"no other port of the process is patch:{Name}: the cable has one end" : null;

    public MacAddress HardwareAddress { get; }

    public bool TakesOffloads => true;

    public IReadOnlyList<IPort> Queues => _queues;

    /// <summary>Whether packets pass.</summary>
    public bool IsUp => !_isSetDown && _far is { _isSetDown: false };

    public PortLink ReadLink() => new(IsUp, Mtu: 0, IsSetDown: _isSetDown);

    public PortCounters ReadCounters() => new() { TransmitDropped = Volatile.Read(ref _lost) };

    public void SetAdministrativeState(bool up)
    {
        _isSetDown = !up;
        _far?.RaiseChanged();
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _cables.Close(this);
        }
    }

    internal void RaiseChanged() => Changed?.Invoke(null);

    /// <summary>Joins two ends that have none. Under the cables' lock, as is the next.</summary>
    internal void Connect(PatchPort far)
    {
        _far = far;
        far._far = this;
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i].Far = far._queues[i];
            far._queues[i].Far = _queues[i];
        }
    }

    /// <summary>Parts the two ends, and gives back packets that this end has not received. No worker uses this end's queues.</summary>
    internal void Disconnect(FramePool frames)
    {
        PatchPort? far = _far;
        _far = null;
        if (far != null)
        {
            Volatile.Write(ref far._aloneSince, _clock.GetTimestamp());
            far._far = null;
        }
        FrameCache cache = frames.CreateCache();
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i].Far = null;
            far?._queues[i].DisconnectAndWait();
            int unreceived = _queues[i].ReleaseAll(cache); // also of a far end that went before
            if (far != null)
            {
                Interlocked.Add(ref far._lost, unreceived);
            }
        }
        cache.Drain();
    }
}
