using Softswitch.Datapath.Pipeline;

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
/// <param name="FreeFrames">Of these, not in use.</param>
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
    ProcessReport Process);

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
