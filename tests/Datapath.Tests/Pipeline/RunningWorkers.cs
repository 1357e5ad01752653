using Softswitch.Datapath.Control;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Runs a datapath's workers on threads of their own until disposed.</summary>
internal sealed class RunningWorkers : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Thread> _threads = [];
    private readonly List<EventWaiter> _waiters = [];

    /// <param name="honourTimeouts">False: only a wake-up ends a sleep.</param>
    /// <param name="ids">Which workers; all when empty.</param>
    public RunningWorkers(DatapathControl control, bool honourTimeouts = true, params int[] ids)
    {
        foreach (Worker worker in control.Workers.Where(w => ids.Length == 0 || ids.Contains(w.Id)))
        {
            EventWaiter waiter = new(honourTimeouts);
            Thread thread = new(() => worker.Run(waiter, _stop.Token)) { IsBackground = true };
            _waiters.Add(waiter);
            _threads.Add(thread);
            thread.Start();
        }
    }

    /// <summary>Returns when every worker sleeps and nothing has woken it.</summary>
    public void AwaitSleep()
    {
        foreach (EventWaiter waiter in _waiters)
        {
            waiter.AwaitSleep();
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }
        foreach (EventWaiter waiter in _waiters)
        {
            waiter.Dispose();
        }
        _stop.Dispose();
    }

    private sealed class EventWaiter(bool honourTimeouts) : IWaiter
    {
        private readonly ManualResetEventSlim _wake = new();
        private volatile bool _asleep;

        public void Wait(ReadOnlySpan<int> descriptors, int timeoutMicroseconds)
        {
            _asleep = true;
            _wake.Wait(honourTimeouts ? TimeSpan.FromMicroseconds(timeoutMicroseconds) : Timeout.InfiniteTimeSpan);
            _asleep = false;
            _wake.Reset();
        }

        public void Wake() => _wake.Set();

        public void AwaitSleep() =>
            Assert.True(SpinWait.SpinUntil(() => _asleep && !_wake.IsSet, TimeSpan.FromSeconds(10)), "the worker sleeps");

        public void Dispose() => _wake.Dispose();
    }
}
