namespace Softswitch.Hosting.Captures;

/// <summary>Who reads a switch's memory without its lock, for longer than a call takes: the switch waits for them before it ends.</summary>
/// <remarks>Threads: any.</remarks>
internal sealed class HostLeases : IDisposable
{
    private readonly object _monitor = new();
    private readonly CancellationTokenSource _ending = new();
    private int _count;

    /// <exception cref="ObjectDisposedException">The switch has ended, or is about to.</exception>
    public HostLease Take()
    {
        lock (_monitor)
        {
            ObjectDisposedException.ThrowIf(_ending.IsCancellationRequested, this);
            _count++;
        }
        return new HostLease(this, _ending.Token);
    }

    /// <summary>Tells all who have one, and waits for them.</summary>
    /// <returns>Whether all were given back in time.</returns>
    public bool End(TimeSpan patience)
    {
        lock (_monitor)
        {
            _ending.Cancel(); // with the lock: nobody gets one any more. What is registered gives none back from there
            long deadline = Environment.TickCount64 + (long)patience.TotalMilliseconds;
            while (_count > 0 && deadline - Environment.TickCount64 is > 0 and long left)
            {
                Monitor.Wait(_monitor, (int)left);
            }
            return _count == 0;
        }
    }

    /// <summary>After <see cref="End"/>, where that succeeded.</summary>
    public void Dispose() => _ending.Dispose();

    internal void GiveBack()
    {
        lock (_monitor)
        {
            _count--;
            Monitor.PulseAll(_monitor);
        }
    }
}

/// <summary>The right to a switch's memory until this is disposed of.</summary>
/// <param name="ending">Cancelled when the switch wants to end. What is registered with it must not wait for a lease.</param>
internal sealed class HostLease(HostLeases leases, CancellationToken ending) : IDisposable
{
    private int _isOver;

    public CancellationToken Ending => ending;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isOver, 1) == 0)
        {
            leases.GiveBack();
        }
    }
}
