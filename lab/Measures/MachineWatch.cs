using System.Diagnostics;
using Softswitch.Lab.Linux;

namespace Softswitch.Lab.Measures;

/// <summary>Watches, from its making on, what others have of the machine while something is measured.</summary>
/// <remarks>Two readings of a few files of the kernel, before and after; nothing runs meanwhile. Threads: one.</remarks>
internal sealed class MachineWatch
{
    // A tick of what the kernel counts in /proc/stat; one more or less means nothing.
    private const double TickSeconds = 0.01;

    private readonly int[] _processes;
    private readonly IReadOnlyDictionary<int, ThreadTimes>[] _threads;
    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly long _stolen = Machine.StolenMilliseconds;
    private readonly double _busy = Machine.BusySeconds;
    private readonly double _ours;

    /// <param name="processes">What is measured, besides this one: the busiest thread of each.</param>
    public MachineWatch(params int[] processes)
    {
        _processes = processes;
        _threads = Array.ConvertAll(processes, ProcessSchedule.ReadThreads);
        _ours = OurSeconds();
    }

    /// <summary>Of threads of this process that never sleep.</summary>
    /// <param name="share">Of the time, how much they were on their processors.</param>
    public Interference ReadThread(double share) => new(Machine.LoadAverage, Stolen(), share);

    /// <summary>Of the processes watched: of the time that the busiest thread of each could run, how much it did, and of these the least.</summary>
    public Interference ReadProcesses()
    {
        double least = 1;
        for (int i = 0; i < _processes.Length; i++)
        {
            ThreadTimes busiest = default;
            foreach ((int thread, ThreadTimes now) in ProcessSchedule.ReadThreads(_processes[i]))
            {
                ThreadTimes times = now - _threads[i].GetValueOrDefault(thread);
                busiest = times.Ran > busiest.Ran ? times : busiest;
            }
            least = Math.Min(least, busiest.Share);
        }
        return new(Machine.LoadAverage, Stolen(), least);
    }

    /// <summary>
    /// Of the whole machine: what programs but this one, those watched and children that were started and ended meanwhile had, as where everything
    /// shares all processors.
    /// </summary>
    public Interference ReadMachine()
    {
        double elapsed = Elapsed();
        double ours = OurSeconds() - _ours;
        double others = Machine.BusySeconds - _busy - ours;
        return new(Machine.LoadAverage, Stolen(), Others: Math.Max(0, others - (TickSeconds * Environment.ProcessorCount)) / elapsed, Ours: ours / elapsed);
    }

    private double Elapsed() => Stopwatch.GetElapsedTime(_began).TotalSeconds;

    private double Stolen() => Math.Max(0, ((Machine.StolenMilliseconds - _stolen) / 1e3) - TickSeconds) / Elapsed();

    private double OurSeconds() =>
        (_processes.Append(Environment.ProcessId).Sum(ProcessSchedule.Nanoseconds) + ProcessSchedule.NanosecondsOfEndedChildren()) / 1e9;
}
