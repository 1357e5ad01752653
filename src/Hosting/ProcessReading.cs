using Softswitch.Datapath.Packets;
using Softswitch.Hosting.Reports;
using Softswitch.OfAgent.Agent;

namespace Softswitch.Hosting;

/// <summary>A process as it is now, with a row for each of its switches.</summary>
internal static class ProcessReading
{
    // For all switches together: who does not answer by then is told as it was.
    private const int PatienceMilliseconds = 500;

    /// <summary>Reads the switches of this process. Threads: any.</summary>
    /// <param name="running">Those that end meanwhile are left out.</param>
    /// <param name="failed">Those that do not run any more, to be told behind them.</param>
    public static GroupReport Take(string? name, TimeSpan uptime, IReadOnlyList<SwitchHost> running, IEnumerable<SwitchSummary> failed)
    {
        long began = Environment.TickCount64;
        List<SwitchSummary> switches = [];
        foreach (SwitchHost host in running)
        {
            try
            {
                long left = Math.Max(0, began + PatienceMilliseconds - Environment.TickCount64);
                switches.Add(host.Reader.ReadSummary(TimeSpan.FromMilliseconds(left)));
            }
            catch (ObjectDisposedException)
            {
                // it went meanwhile
            }
        }
        var workers = running.SelectMany(host => host.Control.Workers).GroupBy(worker => worker.Id);
        FramePool[] pools = [.. running.Select(host => host.Control.Frames).Distinct()];
        return new GroupReport(
            name, AgentOptions.ProgramVersion, DateTimeOffset.Now, uptime.TotalSeconds, [.. switches, .. failed],
            [.. workers.OrderBy(worker => worker.Key).Select(worker => WorkerLoadReport.Of(worker.Key, worker))],
            pools.Sum(pool => pool.FrameCount), pools.Sum(pool => pool.FreeCount), pools.Length == 0 ? 0 : pools[0].FrameSize,
            ReadProcess());
    }

    /// <summary>The process as the system counts it.</summary>
    public static ProcessReport ReadProcess() => new(
        Environment.ProcessId, Environment.CpuUsage.TotalTime.TotalSeconds, Environment.WorkingSet,
        GC.GetTotalMemory(forceFullCollection: false),
        GC.CollectionCount(0), Directory.EnumerateDirectories("/proc/self/task").Count(),
        Directory.EnumerateFileSystemEntries("/proc/self/fd").Count());
}
