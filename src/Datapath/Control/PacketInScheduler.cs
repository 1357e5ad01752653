using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <summary>Decides which packet goes to the controller next, and when: a token bucket over all, in turn from every queue that has one.</summary>
/// <remarks>
/// <para>
/// With n busy queues each gets an nth of the rate, and one that asks for less gets all it asks for: its queue is never full, and
/// its turn comes once in n. So a port that floods leaves another port's packets, LLDP and packets sent by an action alone.
/// </para>
/// <para>Threads: under the control lock, but for <see cref="HasWaiting"/>.</para>
/// </remarks>
internal sealed class PacketInScheduler
{
    private readonly WorkerShared _shared;
    private double _perTick;
    private int _burst;
    private PortSet _ports = PortSet.Empty;
    private volatile PacketInQueue[] _queues;
    private int _next;
    private double _tokens;
    private long _filledAt;

    /// <param name="rate">Packets a second; 0 for no limit.</param>
    /// <param name="burst">Packets that may come at once after a pause.</param>
    public PacketInScheduler(WorkerShared shared, int rate, int burst)
    {
        _shared = shared;
        Limit(rate, burst);
        _tokens = _burst;
        _queues = [.. shared.PortlessPacketIns.All];
    }

    /// <summary>Changes the limit from now on.</summary>
    /// <param name="rate">As for the constructor, as <paramref name="burst"/>.</param>
    public void Limit(int rate, int burst)
    {
        _perTick = rate / (double)TimeSpan.TicksPerSecond;
        _burst = Math.Max(burst, 1);
        _tokens = Math.Clamp(_tokens, 0, _burst); // without a limit none were taken
    }

    /// <summary>Whether any queue has something. Any thread; a port added since the last <see cref="Refill"/> counts as having.</summary>
    public bool HasWaiting
    {
        get
        {
            foreach (PacketInQueue queue in _queues)
            {
                if (!queue.IsEmpty)
                {
                    return true;
                }
            }
            return _ports != _shared.Ports;
        }
    }

    private bool IsLimited => _perTick > 0;

    /// <summary>Takes in the time that has passed, and ports that came or went.</summary>
    public void Refill()
    {
        long now = _shared.Clock.Ticks;
        _tokens = Math.Min(_burst, _tokens + ((now - _filledAt) * _perTick));
        _filledAt = now;
        if (_ports != _shared.Ports)
        {
            PortSet ports = _shared.Ports;
            _queues = [.. ports.Ports.SelectMany(port => port.PacketIns.All), .. _shared.PortlessPacketIns.All];
            _ports = ports;
            _next = 0;
        }
    }

    /// <summary>Takes the packet whose turn it is.</summary>
    /// <returns>False if there is none, or none may go yet.</returns>
    public bool TryTake(out QueuedPacketIn item)
    {
        item = default;
        if (IsLimited && _tokens < 1)
        {
            return false;
        }
        PacketInQueue[] queues = _queues;
        for (int tried = 0; tried < queues.Length; tried++)
        {
            PacketInQueue queue = queues[_next];
            _next = _next + 1 == queues.Length ? 0 : _next + 1;
            if (queue.TryDequeue(out item))
            {
                _tokens -= IsLimited ? 1 : 0;
                return true;
            }
        }
        return false;
    }

    /// <summary>Tells the workers whether the limit is why queues are full, and how long to wait.</summary>
    /// <returns>Milliseconds until it is worth while to come again: 0 at once, -1 when there is nothing left.</returns>
    public int Pause()
    {
        bool waits = HasWaiting;
        bool limited = waits && IsLimited && _tokens < 1;
        _shared.ArePacketInsLimited = limited;
        return !waits ? -1 : limited ? (int)Math.Ceiling((1 - _tokens) / _perTick / TimeSpan.TicksPerMillisecond) : 0;
    }
}
