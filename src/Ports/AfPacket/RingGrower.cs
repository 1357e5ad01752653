using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Ports.AfPacket;

/// <summary>The thread that opens larger rings for the ports of a network namespace, when a worker asks for them.</summary>
/// <remarks>
/// The kernel waits for grace periods of its own while a ring is made and packets are told to come to it: some tens of milliseconds in
/// all, too long for workers and the control side to wait. A socket belongs to the namespace of the thread that opens it, hence one thread for each.
/// Threads: any.
/// </remarks>
internal sealed class RingGrower : IDisposable
{
    private static readonly NamespaceShared<RingGrower> Shared = new(() => new RingGrower());

    private readonly Lock _lock = new();
    private readonly List<PortRings> _ports = [];
    private readonly AutoResetEvent _woken = new(initialState: false);
    private volatile bool _stopped;

    private RingGrower() => new Thread(Run) { IsBackground = true, Name = "rings" }.Start();

    /// <summary>The calling thread's network namespace's.</summary>
    public static NamespaceShared<RingGrower>.Lease Take() => Shared.Take();

    /// <summary>A port has something to do. Neither waits nor allocates.</summary>
    public void Wake() => _woken.Set();

    public void Add(PortRings rings)
    {
        lock (_lock)
        {
            _ports.Add(rings);
        }
    }

    public void Remove(PortRings rings)
    {
        lock (_lock)
        {
            _ports.Remove(rings);
        }
    }

    /// <summary>The thread ends soon after.</summary>
    public void Dispose()
    {
        _stopped = true;
        Wake();
    }

    private void Run()
    {
        int pause = Timeout.Infinite;
        while (true)
        {
            _woken.WaitOne(pause);
            if (_stopped)
            {
                return;
            }
            PortRings[] ports;
            lock (_lock)
            {
                ports = [.. _ports];
            }
            pause = Timeout.Infinite;
            foreach (PortRings rings in ports)
            {
                int wanted = rings.Grow();
                pause = wanted == Timeout.Infinite ? pause : pause == Timeout.Infinite ? wanted : Math.Min(pause, wanted);
            }
        }
    }
}
