using Softswitch.Datapath.Control;
using Softswitch.Datapath.Pipeline;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Runs a datapath's workers on threads of their own until disposed.</summary>
internal sealed class RunningWorkers : IDisposable
{
    private readonly Worker[] _workers;
    private readonly List<EventWaiter> _waiters = [];
    private readonly WorkerThreads _threads;

    /// <param name="ids">Which workers; all when empty.</param>
    public RunningWorkers(DatapathControl control, params int[] ids)
    {
        _workers = [.. control.Workers.Where(worker => ids.Length == 0 || ids.Contains(worker.Id))];
        _threads = new WorkerThreads(control.Workers.Count, () =>
        {
            _waiters.Add(new EventWaiter());
            return _waiters[^1];
        });
        _threads.Add(_workers, (_, _) => { });
    }

    /// <summary>Returns when every worker sleeps and nothing has woken it.</summary>
    public void AwaitSleep()
    {
        foreach (Worker worker in _workers)
        {
            EventWaiter waiter = _waiters[worker.Id];
            Eventually.True(() => worker.Sleep.IsAsleep && waiter.IsAsleep, "the worker sleeps");
        }
    }

    public void Dispose()
    {
        Assert.True(_threads.Remove(_workers, 60_000));
        _threads.Dispose();
    }

    /// <summary>Only a wake-up ends a sleep.</summary>
    private sealed class EventWaiter : IWaiter
    {
        private readonly ManualResetEventSlim _wake = new();
        private volatile bool _isWaiting;

        public bool IsAsleep => _isWaiting && !_wake.IsSet;

        public void Watch(int descriptor, int slot)
        {
        }

        public void Unwatch(int descriptor, int slot)
        {
        }

        public int Wait(long timeoutMicroseconds, Span<int> slots)
        {
            _isWaiting = true;
            _wake.Wait();
            _isWaiting = false;
            _wake.Reset();
            return 0;
        }

        public void Wake() => _wake.Set();

        public void Dispose() => _wake.Dispose();
    }
}
