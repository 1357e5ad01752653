using System.Diagnostics;
using Softswitch.Datapath.Pipeline;
using Softswitch.Lab.Linux;

namespace Softswitch.Lab.Measures;

/// <summary>Where a worker stood at one moment, by its own clock and counters.</summary>
/// <param name="Ticks">Of <see cref="Stopwatch"/>.</param>
/// <param name="CpuNanoseconds">On a processor; what others ran in its place is not in it.</param>
/// <param name="AllocatedBytes">By the worker's thread.</param>
internal readonly record struct WorkerSample(long Ticks, long Packets, long CpuNanoseconds, long AllocatedBytes);

/// <summary>A thread that runs a worker pass after pass, without ever sleeping, and says on request how far it is.</summary>
/// <remarks>Samples are taken between two passes by the worker's own thread: no other thread's delay is in them.</remarks>
internal sealed class MeasuredWorker : IDisposable
{
    // Between two looks at what is asked of the thread: some tens of microseconds.
    private const int PassesPerLook = 16;

    // Between two readings of the clock: about as long as a pass takes.
    private const int ClockSpin = 25;

    private readonly Worker _worker;
    private readonly int _workers;
    private readonly GapRecorder? _gaps;
    private readonly GapRecorder? _clockGaps;
    private readonly Thread _thread;
    private volatile bool _stop;
    private volatile int _asked;
    private volatile int _answered;
    private volatile bool _recording;
    private volatile bool _readsClock;
    private WorkerSample _sample;
    private long _packets;
    private Exception? _failure;

    /// <param name="workers">How many there are.</param>
    /// <param name="gaps">Takes the times between passes while <see cref="IsRecording"/>.</param>
    /// <param name="clockGaps">Takes the times between readings of the clock while <see cref="ReadsClock"/>.</param>
    public MeasuredWorker(Worker worker, int workers, GapRecorder? gaps = null, GapRecorder? clockGaps = null)
    {
        _worker = worker;
        _workers = workers;
        _gaps = gaps;
        _clockGaps = clockGaps;
        _thread = new Thread(Run) { IsBackground = true, Name = $"worker {worker.Id}" };
        _thread.Start();
    }

    /// <summary>Whether gaps are recorded.</summary>
    public bool IsRecording
    {
        get => _recording;
        set => _recording = value;
    }

    /// <summary>Whether the thread reads the clock over and over instead of running the worker: what holds it up then is not the switch.</summary>
    public bool ReadsClock
    {
        get => _readsClock;
        set => _readsClock = value;
    }

    /// <summary>Asks for a sample; <see cref="WaitForSample"/> gets it. Several workers are asked first, then waited for.</summary>
    public void AskForSample() => _asked++;

    public WorkerSample WaitForSample()
    {
        while (_answered != _asked)
        {
            ThrowIfFailed();
            Thread.Sleep(0);
        }
        return _sample;
    }

    /// <summary>Ends the thread after its current pass: everything received has been sent, dropped or queued for the control side.</summary>
    public void Stop()
    {
        _stop = true;
        _thread.Join();
        ThrowIfFailed();
    }

    public void Dispose()
    {
        _stop = true;
        _thread.Join();
    }

    private void Run()
    {
        try
        {
            WorkerPlacement.Enter(_worker.Id, _workers);
            _gaps?.Begin();
            _clockGaps?.Begin();
            while (!_stop)
            {
                if (_readsClock)
                {
                    ReadClock(_clockGaps!);
                }
                else if (_recording)
                {
                    RunRecorded(_gaps!);
                }
                else
                {
                    RunPasses();
                }
                if (_answered != _asked)
                {
                    _sample = new WorkerSample(
                        Stopwatch.GetTimestamp(), _packets, ThreadSchedule.CpuNanoseconds, GC.GetAllocatedBytesForCurrentThread());
                    _answered = _asked;
                }
            }
        }
#pragma warning disable CA1031 // thrown again where this thread is waited for
        catch (Exception e)
#pragma warning restore CA1031
        {
            _failure = e;
        }
        finally
        {
            _gaps?.Dispose();
            _clockGaps?.Dispose();
        }
    }

    private void RunPasses()
    {
        long packets = 0;
        for (int i = 0; i < PassesPerLook; i++)
        {
            packets += _worker.PollOnce();
        }
        _packets += packets;
    }

    private void RunRecorded(GapRecorder gaps)
    {
        gaps.Resume();
        while (_recording && !_readsClock && !_stop && _answered == _asked)
        {
            int packets = _worker.PollOnce();
            _packets += packets;
            gaps.Record(packets);
        }
    }

    private void ReadClock(GapRecorder gaps)
    {
        gaps.Resume();
        while (_readsClock && !_stop && _answered == _asked)
        {
            Thread.SpinWait(ClockSpin);
            gaps.Record(0);
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure != null)
        {
            throw new InvalidOperationException(_failure.Message, _failure);
        }
    }
}
