namespace Softswitch.Hosting.Reports;

/// <summary>A switch at one moment: what <c>status</c>, <c>top</c>, <c>drops --json</c>, metrics and the page all show.</summary>
/// <remarks>
/// Its parts are read one after another while packets pass, so sums over them may differ by what passed meanwhile. Accounts and drops are
/// of one moment. Counters never fall while what they count is there. Rates are differences of two reports over the difference of their
/// <see cref="UptimeSeconds"/>. As JSON in camelCase; fields that exist stay.
/// </remarks>
/// <param name="Name">What tools call the switch by.</param>
/// <param name="DatapathId">16 hexadecimal digits.</param>
/// <param name="Version">Of the program.</param>
/// <param name="Time">When it was read, by the system's clock.</param>
/// <param name="UptimeSeconds">Since the start, by a clock that is never set.</param>
/// <param name="FailMode"><c>secure</c> or <c>standalone</c>: what holds while no controller is there.</param>
/// <param name="IsInEmergency">Whether the emergency entries are in force.</param>
/// <param name="Ports">In the order of their numbers; LOCAL last. Those whose interface is away are among them.</param>
/// <param name="Workers">In the order of their ids.</param>
/// <param name="Tables">The exact, the wildcard and the emergency table.</param>
/// <param name="Controllers">Those configured, connected or not, then the peers of listeners.</param>
/// <param name="Cards">NetFPGA cards.</param>
/// <param name="FlowMods">What became of them.</param>
/// <param name="PacketIns">What became of them.</param>
/// <param name="Connections">Of controllers and tools.</param>
/// <param name="Memory">That of packets and action lists.</param>
/// <param name="Process">The process the switch runs in.</param>
/// <param name="Drops">Packets that ended inside the switch, over all rows of the account; by the reason's name, those that had none left
/// out.</param>
/// <param name="Accounts">Where all packets are.</param>
internal sealed record SwitchReport(
    string Name,
    string DatapathId,
    string Version,
    DateTimeOffset Time,
    double UptimeSeconds,
    string FailMode,
    bool IsInEmergency,
    IReadOnlyList<PortReport> Ports,
    IReadOnlyList<WorkerReport> Workers,
    IReadOnlyList<TableReport> Tables,
    IReadOnlyList<ControllerReport> Controllers,
    IReadOnlyList<CardSummary> Cards,
    FlowModReport FlowMods,
    PacketInReport PacketIns,
    ConnectionReport Connections,
    MemoryReport Memory,
    ProcessReport Process,
    IReadOnlyDictionary<string, long> Drops,
    AccountsReport Accounts)
{
    /// <summary>The journal of <c>--state</c>; null without one.</summary>
    public StateReport? State { get; init; }

    /// <summary>Where OpenFlow clients on this host reach the switch: <c>tcp:127.0.0.1:6654</c>, <c>unix:PATH</c>.</summary>
    public IReadOnlyList<string> Listeners { get; init; } = [];
}

/// <summary>One worker.</summary>
/// <param name="Id">0 and up.</param>
/// <param name="IsSleeping">Whether it waits for packets.</param>
/// <param name="Processor">The one it was given; null for whichever the scheduler chooses.</param>
/// <param name="Passes">Over all its ports.</param>
/// <param name="BusyPasses">Those that moved packets.</param>
/// <param name="BusySeconds">What these took: a worker's load is their share of the time.</param>
/// <param name="Sleeps">How often it went to sleep.</param>
/// <param name="Batches">That were looked up.</param>
/// <param name="Packets">In these batches.</param>
/// <param name="Drops">Packets that ended in its hands, by reason.</param>
/// <param name="Account">What it did with packets; those on their way to another worker are not in it.</param>
internal sealed record WorkerReport(
    int Id, bool IsSleeping, int? Processor, long Passes, long BusyPasses, double BusySeconds, long Sleeps,
    long Batches, long Packets, IReadOnlyDictionary<string, long> Drops,
    AccountReport Account);

/// <summary>One table.</summary>
/// <param name="Name"><c>exact</c>, <c>wildcard</c> or <c>emergency</c>.</param>
/// <param name="Entries">How many there are.</param>
/// <param name="Limit">How many there may be.</param>
/// <param name="Lookups">Packets looked for in it; 0 for the emergency table, whose entries are not in force.</param>
/// <param name="Matches">Packets found.</param>
internal sealed record TableReport(string Name, long Entries, long Limit, long Lookups, long Matches);

/// <summary>A controller that is configured, or whoever came through a listener.</summary>
/// <param name="Name">The target; with a listener's peer, where it listens and whence it came.</param>
/// <param name="IsPeer">Whether it came through a listener.</param>
/// <param name="State"><c>connected</c>, <c>connecting</c>, or <c>waiting</c> for the next attempt.</param>
/// <param name="SinceSeconds">How long it has been in this state.</param>
/// <param name="Role"><c>other</c>, <c>master</c> or <c>slave</c>.</param>
/// <param name="LastError">Why the last attempt failed, or the last connection ended; null while there is nothing to say.</param>
/// <param name="NextAttemptSeconds">Until it is tried again, while it waits.</param>
/// <param name="LatencySeconds">What its last echo took; null before there was one.</param>
/// <param name="Requests">Messages it sent on this connection, besides echoes.</param>
/// <param name="DroppedPacketIns">Lost on this connection because it reads too slowly.</param>
internal sealed record ControllerReport(
    string Name, bool IsPeer, string State, double SinceSeconds, string Role, string? LastError, double? NextAttemptSeconds,
    double? LatencySeconds, long Requests, long DroppedPacketIns);

/// <summary>A NetFPGA card, without asking it: <c>netfpga show</c> does.</summary>
/// <param name="Name">Its first interface, or <c>emulator</c>.</param>
/// <param name="Offload">How far it may go: <c>off</c>, <c>strict</c>, <c>on</c> or <c>all</c>.</param>
/// <param name="IdleReason">Why nothing is forwarded by it at the moment; null if something may be.</param>
/// <param name="RowsUsed">Of its wildcard table.</param>
/// <param name="SlotsUsed">Of its exact table.</param>
/// <param name="Ports">Numbers of its interfaces; 0 for one that is no port.</param>
internal sealed record CardSummary(string Name, string Offload, string? IdleReason, int RowsUsed, int SlotsUsed, IReadOnlyList<int> Ports);

/// <summary>Flow-mods.</summary>
/// <param name="Done">By command: <c>add</c>, <c>modify</c>, <c>modifyStrict</c>, <c>delete</c>, <c>deleteStrict</c>.</param>
/// <param name="Refused">By OpenFlow's name for the error that was answered.</param>
internal sealed record FlowModReport(IReadOnlyDictionary<string, long> Done, IReadOnlyDictionary<string, long> Refused);

/// <summary>Packets for controllers.</summary>
/// <param name="Delivered">To controllers, or to the program the switch runs in; one for several controllers counts once.</param>
/// <param name="DroppedByLimit">Held back by the rate limit for too long.</param>
/// <param name="DroppedByQueue">The control side did not keep up.</param>
/// <param name="DroppedByReaders">Controllers that read too slowly; each counts.</param>
internal sealed record PacketInReport(long Delivered, long DroppedByLimit, long DroppedByQueue, long DroppedByReaders);

/// <summary>OpenFlow connections.</summary>
/// <param name="Established">On which HELLOs were exchanged, ever.</param>
/// <param name="Open">Of these, those there are.</param>
/// <param name="Refused">Refused, or given up for others.</param>
internal sealed record ConnectionReport(long Established, long Open, long Refused);

/// <summary>Memory for packets and action lists.</summary>
/// <param name="Frames">In the pool.</param>
/// <param name="FreeFrames">In the pool, not in use. Workers and ports keep some of the others at hand.</param>
/// <param name="FrameBytes">Of one.</param>
/// <param name="Buffers">Places for packets that wait for a controller's word.</param>
/// <param name="UsedBuffers">Of these, taken.</param>
/// <param name="ActionListBytes">In use.</param>
/// <param name="ActionListLimitBytes">How many there may be.</param>
internal sealed record MemoryReport(
    int Frames, int FreeFrames, int FrameBytes, int Buffers, int UsedBuffers, long ActionListBytes, long ActionListLimitBytes);

/// <summary>The process the switch runs in.</summary>
/// <param name="Id">The process id.</param>
/// <param name="ProcessorSeconds">Of all its threads.</param>
/// <param name="ResidentBytes">In memory.</param>
/// <param name="ManagedBytes">Of the garbage collector's heap.</param>
/// <param name="Collections">Garbage collections.</param>
/// <param name="Threads">How many there are.</param>
/// <param name="OpenFiles">Descriptors.</param>
internal sealed record ProcessReport(
    int Id, double ProcessorSeconds, long ResidentBytes, long ManagedBytes, long Collections, int Threads, int OpenFiles);

/// <summary>The journal of <c>--state</c>.</summary>
/// <param name="Folder">As given.</param>
/// <param name="IsBehind">Whether changes are missing in the file.</param>
/// <param name="Reason">Why they are; null while it is in step.</param>
/// <param name="Bytes">Of the file.</param>
/// <param name="WaitingBytes">Of changes that are still to be written.</param>
/// <param name="IsSynced">Whether all that is in the file would outlast a power cut.</param>
/// <param name="SyncedAt">When the file was last brought to the disk, by the system's clock; null if it has not been yet.</param>
internal sealed record StateReport(string Folder, bool IsBehind, string? Reason, long Bytes, long WaitingBytes, bool IsSynced, DateTimeOffset? SyncedAt);

/// <summary>The busiest flow entries of an interval.</summary>
/// <param name="Seconds">How long it was.</param>
/// <param name="Flows">The busiest first; those without a packet are left out.</param>
internal sealed record FlowActivityReport(double Seconds, IReadOnlyList<FlowActivity> Flows);

/// <summary>One flow entry.</summary>
/// <param name="Flow">In ovs-ofctl's words: <c>priority=5,in_port=1 actions=output:2</c>.</param>
/// <param name="Packets">In the interval.</param>
/// <param name="Bytes">In the interval.</param>
/// <param name="TotalPackets">Since it was added.</param>
internal sealed record FlowActivity(string Flow, ulong Packets, ulong Bytes, ulong TotalPackets);
