namespace Softswitch.Hosting.Reports;

/// <summary>One switch of a process in few figures: a row of what shows several.</summary>
/// <remarks>
/// Read without waking a worker or walking over anything that grows with flows. Each counter is of its own moment, and none falls while the
/// switch runs. As JSON in camelCase; fields that exist stay.
/// </remarks>
/// <param name="Name">What tools call the switch by.</param>
/// <param name="DatapathId">16 hexadecimal digits.</param>
/// <param name="State">
/// <c>running</c>; <c>busy</c> if its control side did not answer in time, and the figures are those of the last time it did; <c>starting</c>, <c>ending</c>,
/// <c>failed</c>, without figures.
/// </param>
/// <param name="Reason">Why it failed; null while it did not.</param>
/// <param name="UptimeSeconds">Since its start, by a clock that is never set.</param>
/// <param name="Ports">Those configured, whether or not their interfaces are there.</param>
/// <param name="PortsUp">Of these, those that have their link.</param>
/// <param name="Controllers">Those configured.</param>
/// <param name="ControllersConnected">Of these.</param>
/// <param name="Flows">Entries of its table.</param>
/// <param name="ReceivedPackets">By all ports, those that went included.</param>
/// <param name="ReceivedBytes">From the Ethernet header on.</param>
/// <param name="SentPackets">As received.</param>
/// <param name="SentBytes">As received.</param>
/// <param name="BusySeconds">What passes took that moved packets, over all workers: a difference over time is the load it makes.</param>
/// <param name="Drops">Packets that ended in it, by the reason's name; those that had none left out.</param>
internal sealed record SwitchSummary(
    string Name,
    string DatapathId,
    string State,
    string? Reason,
    double UptimeSeconds,
    int Ports,
    int PortsUp,
    int Controllers,
    int ControllersConnected,
    long Flows,
    long ReceivedPackets,
    long ReceivedBytes,
    long SentPackets,
    long SentBytes,
    double BusySeconds,
    IReadOnlyDictionary<string, long> Drops)
{
    public const string Running = "running";
    public const string Busy = "busy";
    public const string Failed = "failed";
    public const string Starting = "starting";
    public const string Ending = "ending";

    /// <summary>A switch that never ran, or is gone.</summary>
    /// <param name="datapathId">Empty where it is not known.</param>
    public static SwitchSummary OfFailed(string name, string datapathId, string reason) => Without(name, datapathId, Failed, reason);

    /// <summary>A switch that does not run: one that has failed, is being started, or ends.</summary>
    /// <param name="reason">Null unless it failed.</param>
    public static SwitchSummary Without(string name, string datapathId, string state, string? reason) =>
        new(name, datapathId, state, reason, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, new Dictionary<string, long>());
}
