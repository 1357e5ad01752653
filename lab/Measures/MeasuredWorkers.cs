using System.Diagnostics;
using System.Runtime;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Lab.Measures;

/// <summary>What workers did in one slice of time, together.</summary>
/// <param name="PacketsPerSecond">By the clock on the wall.</param>
/// <param name="PacketsPerCpuSecond">Per worker, by the time it was really given: what it would reach undisturbed.</param>
/// <param name="CpuShare">Of the time, how much the workers were given; 1 is all of it.</param>
internal readonly record struct SliceRates(double PacketsPerSecond, double PacketsPerCpuSecond, double CpuShare, long AllocatedBytes);

/// <summary>All workers of a switch on threads of their own, warmed up and measured in slices.</summary>
internal sealed class MeasuredWorkers : IDisposable
{
    private const double WarmUpLeastSeconds = 1;
    private const double WarmUpMostSeconds = 6;

    // Longer than the 100 ms that tiered compilation waits for new methods to cease.
    private static readonly TimeSpan CompilerQuiet = TimeSpan.FromMilliseconds(400);

    private readonly MeasuredWorker[] _workers;

    public MeasuredWorkers(IReadOnlyList<Worker> workers, GapRecorder? gaps = null, GapRecorder? clockGaps = null) =>
        _workers = [.. workers.Select(worker => new MeasuredWorker(worker, workers.Count, gaps, clockGaps))];

    public void SetRecording(bool recording) => Array.ForEach(_workers, worker => worker.IsRecording = recording);

    /// <summary>Has the threads read the clock over and over instead of running the workers, or ends that.</summary>
    public void SetReadingClock(bool reads) => Array.ForEach(_workers, worker => worker.ReadsClock = reads);

    /// <summary>About how long <see cref="WarmUp"/> takes on an idle machine.</summary>
    public static double ExpectedWarmUp(double seconds) => Math.Min(WarmUpLeastSeconds, seconds) + 1;

    /// <summary>Runs until the compiler has been silent for a while: what is hot is optimised then.</summary>
    /// <param name="seconds">How long will be measured: a short run, which is to show that it works, warms up for a short while.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static void WarmUp(double seconds = WarmUpLeastSeconds, CancellationToken cancellation = default)
    {
        TimeSpan least = TimeSpan.FromSeconds(Math.Min(WarmUpLeastSeconds, seconds));
        TimeSpan most = TimeSpan.FromSeconds(Math.Clamp(10 * seconds, WarmUpLeastSeconds, WarmUpMostSeconds));
        long start = Stopwatch.GetTimestamp();
        long quietSince = start;
        int methods = -1;
        while (Stopwatch.GetElapsedTime(start) < most)
        {
            int now = (int)JitInfo.GetCompiledMethodCount();
            if (now != methods)
            {
                methods = now;
                quietSince = Stopwatch.GetTimestamp();
            }
            else if (Stopwatch.GetElapsedTime(quietSince) > CompilerQuiet && Stopwatch.GetElapsedTime(start) > least)
            {
                return;
            }
            cancellation.WaitHandle.WaitOne(20);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    public WorkerSample[] TakeSamples()
    {
        Array.ForEach(_workers, worker => worker.AskForSample());
        return Array.ConvertAll(_workers, worker => worker.WaitForSample());
    }

    /// <summary>Lets them run for a while and says how they did.</summary>
    public SliceRates Measure(TimeSpan duration)
    {
        WorkerSample[] before = TakeSamples();
        Thread.Sleep(duration);
        return Rates(before, TakeSamples());
    }

    public void Stop() => Array.ForEach(_workers, worker => worker.Stop());

    public void Dispose() => Array.ForEach(_workers, worker => worker.Dispose());

    /// <summary>What they did between two samples.</summary>
    public static SliceRates Rates(WorkerSample[] before, WorkerSample[] after)
    {
        double rate = 0;
        double perCpu = 0;
        double share = 0;
        long allocated = 0;
        for (int i = 0; i < before.Length; i++)
        {
            double packets = after[i].Packets - before[i].Packets;
            double seconds = (after[i].Ticks - before[i].Ticks) / (double)Stopwatch.Frequency;
            double cpu = (after[i].CpuNanoseconds - before[i].CpuNanoseconds) / 1e9;
            rate += packets / seconds;
            perCpu += cpu > 0 ? packets / cpu : 0;
            share += cpu / seconds;
            allocated += after[i].AllocatedBytes - before[i].AllocatedBytes;
        }
        return new SliceRates(rate, perCpu / before.Length, share / before.Length, allocated);
    }
}
