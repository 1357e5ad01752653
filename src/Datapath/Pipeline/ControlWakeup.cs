namespace Softswitch.Datapath.Pipeline;

/// <summary>Wakes the thread that serves the control side when a worker has queued something for it.</summary>
/// <remarks>Costs a worker one load while that thread is awake; a system call only when it sleeps.</remarks>
internal sealed class ControlWakeup : IDisposable
{
    private readonly ManualResetEventSlim _event = new(false, spinCount: 0);
    private int _sleeping;

    /// <summary>Any thread: there is something to do.</summary>
    public void Raise()
    {
        Interlocked.MemoryBarrier(); // what was queued is visible before the flag is read
        if (Volatile.Read(ref _sleeping) != 0)
        {
            _event.Set();
        }
    }

    /// <summary>The control side: something changed that <c>hasWork</c> does not see.</summary>
    public void RaiseAlways() => _event.Set();

    /// <summary>The serving thread: sleeps until raised or until the time is over, unless <paramref name="hasWork"/> says there is work already.</summary>
    public void Wait(int milliseconds, Func<bool> hasWork)
    {
        Interlocked.Exchange(ref _sleeping, 1);
        if (!hasWork())
        {
            _event.Wait(milliseconds);
        }
        Volatile.Write(ref _sleeping, 0);
        _event.Reset(); // what was raised up to here, the caller now looks after
    }

    public void Dispose() => _event.Dispose();
}
