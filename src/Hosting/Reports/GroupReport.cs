using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.OfAgent.Agent;

namespace Softswitch.Hosting.Reports;

/// <summary>
/// A process with the switches in it: what <c>status</c>, <c>top</c> and <c>drops</c> show of several, and the page's overview.
/// </summary>
/// <remarks>As JSON in camelCase, on one line; fields that exist stay. Of one switch alone there is a <see cref="SwitchReport"/>.</remarks>
/// <param name="Name">What tools call the process by; null if it has no name.</param>
/// <param name="Version">Of the program.</param>
/// <param name="Time">When it was read, by the system's clock.</param>
/// <param name="UptimeSeconds">
/// Since the start of the process's switches, by a clock that is never set: rates are differences of two reports over the difference of this.
/// </param>
/// <param name="Switches">In the order in which they came.</param>
/// <param name="Workers">The threads that all of them share.</param>
/// <param name="Frames">Of the pool that all of them share.</param>
/// <param name="FreeFrames">Of these, in nobody's hands.</param>
/// <param name="FrameBytes">Of one.</param>
/// <param name="Process">The process.</param>
internal sealed record GroupReport(
    string? Name,
    string Version,
    DateTimeOffset Time,
    double UptimeSeconds,
    IReadOnlyList<SwitchSummary> Switches,
    IReadOnlyList<WorkerLoadReport> Workers,
    int Frames,
    int FreeFrames,
    int FrameBytes,
    ProcessReport Process)
{
    // For all switches together: who does not answer by then is told as it was.
    private const int PatienceMilliseconds = 500;

    /// <summary>Reads the switches of this process. Threads: any.</summary>
    /// <param name="running">Those that end meanwhile are left out.</param>
    /// <param name="failed">Those that do not run any more, to be told behind them.</param>
    public static GroupReport Read(string? name, TimeSpan uptime, IReadOnlyList<SwitchHost> running, IEnumerable<SwitchSummary> failed)
    {
        long began = Environment.TickCount64;
        List<SwitchSummary> switches = [];
        foreach (SwitchHost host in running)
        {
            try
            {
                long left = Math.Max(0, began + PatienceMilliseconds - Environment.TickCount64);
                switches.Add(host.ReadSummary(TimeSpan.FromMilliseconds(left)));
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
            SwitchHost.ReadProcess());
    }
}

/// <summary>What a worker's thread did for all switches.</summary>
/// <param name="Id">0 and up.</param>
/// <param name="BusySeconds">What passes took that moved packets.</param>
/// <param name="Packets">That were looked up.</param>
internal sealed record WorkerLoadReport(int Id, double BusySeconds, long Packets)
{
    public static WorkerLoadReport Of(int id, IEnumerable<Worker> workers) => new(
        id,
        workers.Sum(worker => TimeSpan.FromTicks(Volatile.Read(ref worker.Counters.BusyTicks)).TotalSeconds),
        workers.Sum(worker => Volatile.Read(ref worker.Counters.Lookups)));
}
