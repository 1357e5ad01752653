using Microsoft.Extensions.Logging;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Processes;

namespace Softswitch.Hosting;

/// <summary>Tells the service manager that the switches of the process work, for as long as it does, and how its ports and controllers are.</summary>
/// <remarks>
/// A sign of life is given while every worker passes and the control thread serves. Each of them does so several times a second with nothing to do, too. Whoever holds
/// the control lock for ever ends it as well: what is told next waits for the lock. Threads: one of its own from <see cref="Start"/> on.
/// </remarks>
internal sealed class ServiceWatch : IDisposable
{
    private static readonly TimeSpan StatusInterval = TimeSpan.FromSeconds(2);

    // A thread that the system lets wait for so long is not stuck yet.
    private static readonly TimeSpan ShortestPatience = TimeSpan.FromSeconds(2);

    private readonly SwitchGroup _group;
    private readonly ServiceManager _manager;
    private readonly ILogger _log;
    private readonly TimeSpan _patience;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private Dictionary<string, (long Seen, long MovedAt)> _threads = [];
    private string _status = "";
    private bool _isStuck;

    /// <param name="manager">One that is present; still the caller's.</param>
    /// <param name="log">Told when signs of life end, and when they begin again.</param>
    public ServiceWatch(SwitchGroup group, ServiceManager manager, ILogger log)
    {
        _group = group;
        _manager = manager;
        _log = log;
        TimeSpan half = (manager.Watchdog ?? TimeSpan.Zero) / 2;
        _patience = half > ShortestPatience ? half : ShortestPatience;
        _thread = new Thread(Watch) { Name = "service watch", IsBackground = true };
    }

    /// <summary>Says that the switch is ready, and goes on from there.</summary>
    public void Start()
    {
        _manager.Ready();
        _thread.Start();
    }

    /// <summary>No more signs of life. The switch may be disposed of afterwards or before.</summary>
    public void Dispose()
    {
        _stop.Set();
        // One that waits for the lock of a switch that is stuck is left behind, with what it waits by.
        if (!_thread.IsAlive || _thread.Join(ShortestPatience))
        {
            _stop.Dispose();
        }
    }

    /// <summary>One look at the switch; by one thread at a time.</summary>
    /// <param name="milliseconds">Since any moment, by a clock that is never set.</param>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal void Look(long milliseconds)
    {
        if (_manager.Watchdog != null)
        {
            string? stuck = FindStuck(milliseconds);
            if (stuck == null)
            {
                _manager.Feed();
            }
            if (_isStuck != (stuck != null))
            {
                _isStuck = !_isStuck;
                HostLog.Warn(_log, _isStuck ? $"{stuck}: no more signs of life for the service manager, which will end the switch" : "all threads work again");
            }
        }
        string status = _group.DescribeForService();
        if (status != _status)
        {
            _status = status;
            _manager.Status(status);
        }
    }

    private void Watch()
    {
        // Several looks within the patience: one of them may come late.
        TimeSpan interval = _manager.Watchdog / 4 is { } quarter && quarter < StatusInterval ? quarter : StatusInterval;
        try
        {
            do
            {
                Look(Environment.TickCount64);
            }
            while (!_stop.Wait(interval));
        }
        catch (ObjectDisposedException)
        {
            // the switch has ended
        }
    }

    /// <summary>The first thread that has not moved on within the patience, in words.</summary>
    private string? FindStuck(long milliseconds)
    {
        IReadOnlyList<(string Thread, long Turns)> progress = _group.ReadProgress();
        Dictionary<string, (long Seen, long MovedAt)> before = _threads;
        _threads = [];
        string? stuck = null;
        foreach ((string thread, long turns) in progress)
        {
            bool isSame = before.TryGetValue(thread, out (long Seen, long MovedAt) last) && last.Seen == turns;
            _threads[thread] = isSame ? last : (turns, milliseconds);
            stuck ??= isSame && milliseconds - last.MovedAt > _patience.TotalMilliseconds ? thread : null;
        }
        return stuck == null ? null : $"{stuck} has not moved on for {_patience.TotalSeconds:0.#} s";
    }
}
