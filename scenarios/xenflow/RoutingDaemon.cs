using Softswitch.Lab;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>Watches the table of a virtual router's kernel and hands it on whenever it has changed: XenFlow's daemon inside the virtual machine.</summary>
/// <remarks>Threads: one of its own, inside the router's namespace.</remarks>
internal sealed class RoutingDaemon : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly LabNode _router;
    private readonly Action<RoutingTable> _changed;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;

    /// <param name="changed">Takes the first table and each new one, on the daemon's thread.</param>
    public RoutingDaemon(LabNode router, Action<RoutingTable> changed)
    {
        _router = router;
        _changed = changed;
        _thread = new Thread(Watch) { IsBackground = true, Name = $"routing daemon of {router.Name}" };
        _thread.Start();
    }

    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
    }

    private void Watch() => _router.Run<object?>(() =>
    {
        RoutingTable? last = null;
        do
        {
            RoutingTable now = RoutingTable.Parse(File.ReadAllText("/proc/thread-self/net/route"), File.ReadAllText("/proc/thread-self/net/arp"));
            if (last == null || !now.Agrees(last))
            {
                _changed(now);
                last = now;
            }
        }
        while (!_stop.Wait(Interval));
        return null;
    });
}
