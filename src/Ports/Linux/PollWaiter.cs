using System.Diagnostics;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Ports.Linux;

/// <summary>Waits in ppoll(2), whose timeouts are finer than poll's, for the ports' descriptors and an eventfd that others write to wake the worker.</summary>
internal sealed unsafe class PollWaiter : IWaiter
{
    private readonly int _event;
    private PollDescriptor* _descriptors;
    private int _capacity;
    private int _woken;
    private bool _disposed;

    /// <exception cref="PortException">The system gives no eventfd.</exception>
    public PollWaiter()
    {
        _event = Libc.eventfd(0, Libc.EFD_NONBLOCK | Libc.EFD_CLOEXEC);
        if (_event < 0)
        {
            throw PortException.FromErrno("worker", "eventfd");
        }
        Reserve(16);
    }

    public void Wait(ReadOnlySpan<int> descriptors, int timeoutMicroseconds)
    {
        if (descriptors.Length >= _capacity)
        {
            Reserve(descriptors.Length + 1);
        }
        _descriptors[0] = new PollDescriptor { Descriptor = _event, Events = Libc.POLLIN };
        for (int i = 0; i < descriptors.Length; i++)
        {
            // poll ignores negative descriptors: a port without one needs no special case.
            _descriptors[i + 1] = new PollDescriptor { Descriptor = descriptors[i], Events = Libc.POLLIN };
        }
        int count = descriptors.Length + 1;
        long start = Stopwatch.GetTimestamp();
        int ready = Poll(count, timeoutMicroseconds);
        if (ready > 0 && IgnoreBroken(count))
        {
            int rest = timeoutMicroseconds - (int)Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            if (rest > 0)
            {
                _ = Poll(count, rest);
            }
        }
        if ((_descriptors[0].Returned & Libc.POLLIN) != 0)
        {
            ulong counter;
            _ = Libc.read(_event, &counter, sizeof(ulong));
            // Read first, then cleared: a Wake in between is answered by this return, none is lost.
            Volatile.Write(ref _woken, 0);
        }
    }

    public void Wake()
    {
        // One system call however many wake a worker that has not returned yet.
        if (Interlocked.Exchange(ref _woken, 1) == 0 && !Volatile.Read(ref _disposed))
        {
            ulong one = 1;
            _ = Libc.write(_event, &one, sizeof(ulong));
        }
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            Volatile.Write(ref _disposed, true);
            _ = Libc.close(_event);
            NativeMemory.Free(_descriptors);
        }
    }

    private int Poll(int count, int microseconds)
    {
        const int PerSecond = 1_000_000;
        var timeout = new TimeSpecification { Seconds = microseconds / PerSecond, Nanoseconds = microseconds % PerSecond * 1000L };
        return Libc.ppoll(_descriptors, (nuint)count, &timeout, null);
    }

    /// <summary>A descriptor in error polls ready for ever; it must not keep an idle worker awake.</summary>
    /// <returns>True when such descriptors, now left out, were all that was ready.</returns>
    private bool IgnoreBroken(int count)
    {
        for (int i = 0; i < count; i++)
        {
            if ((_descriptors[i].Returned & Libc.POLLIN) != 0)
            {
                return false;
            }
        }
        for (int i = 1; i < count; i++)
        {
            if (_descriptors[i].Returned != 0)
            {
                _descriptors[i].Descriptor = -1;
            }
        }
        return true;
    }

    private void Reserve(int capacity)
    {
        _capacity = Math.Max(capacity, 2 * _capacity);
        _descriptors = (PollDescriptor*)NativeMemory.Realloc(_descriptors, (nuint)(_capacity * sizeof(PollDescriptor)));
    }
}
