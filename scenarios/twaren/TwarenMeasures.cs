
namespace Softswitch.Scenarios.Twaren;

/// <summary>What a run finds, and the paper's tables as sweeps of it.</summary>
internal static class TwarenMeasures
{
    public static readonly Measure SetUp = new("setup_s", "from nothing to all switches connected, s");
    public static readonly Measure Load = new("load_ms", "until all switches have the flows in advance, ms");
    public static readonly Measure Update = new("update_median_ms", "from when VM-S is there until its flows are (median), ms");
    public static readonly Measure SlowestUpdate = new("update_max_ms", "from when VM-S is there until its flows are (longest), ms");
    public static readonly Measure FlowMods = new("update_median_flow_mods", "flow-mods of a move (median)");
    public static readonly Measure Busy = new("busy_cpus", "processors that the lab keeps busy while VM-S moves");
    public static readonly Measure Lost = new("lost_mean_packets", "UDP packets to VM-S lost in a move (mean)");
    public static readonly Measure LostPings = new("lost_mean_pings", "pings to VM-S lost in a move (mean)");
    public static readonly Measure Gap = new("gap_max_ms", "time without a packet from or to VM-S (longest), ms");
    public static readonly Measure Undelivered = new("undelivered_packets", "UDP packets of scenarios 2 and 3 that did not arrive");
    public static readonly Measure FirstPing = new("first_ping_ms", "VM-S's first ping to VM-T, ms");
    public static readonly Measure Triangle = new(
        "triangle_round_trip_median_ms", "round trip VM-S to VM-T by the triangle route (median), ms");
    public static readonly Measure Straight = new("straight_round_trip_median_ms", "round trip VM-S to VM-T with Table 2 (median), ms");
    public static readonly Measure HomeTrip = new(
        "home_round_trip_median_ms", "round trip of VM-S, in the last campus, to R at home (median), ms");
    public static readonly Measure PeerTrip = new(
        "peer_round_trip_median_ms", "round trip of VM-S, in the last campus, to P in campus 2 (median), ms");
    public static readonly Measure ControllerPackets = new(
        "controller_packets", "IPv4 packets from or to VM-S that reach any controller in all moves");
    public static readonly Measure Table2Packets = new(
        "table2_controller_packets", "IPv4 packets from VM-S to VM-T that reach controller 2");
    public static readonly Measure Entries = new("table2_flows", "entries on AcS2 when flow3 has gone");
    public static readonly Measure ArpLife = new("flow3_s", "how long flow3 lives, s");
    public static readonly Measure InAdvance3 = new("table3_proactive_flows", "proactive flows of controller 2 with Table 2's entries");
    public static readonly Measure OnDemand3 = new("table3_on_demand_flows", "on-demand flows of controller 2 with Table 2's entries");

    /// <summary>Table 4, by controller.</summary>
    public static readonly IReadOnlyList<Measure> InAdvance4 = OfControllers("proactive");
    public static readonly IReadOnlyList<Measure> OnPackets4 = OfControllers("reactive");

    public static readonly Measure Figure5Rate = new("figure5_mpps", "AgS2 on one core with Figure 5's entries, Mpps");
    public static readonly Measure OneMachineRate = new("one_machine_mpps", "AgS2 on one core with K machines' entries, one sends, Mpps");
    public static readonly Measure AllMachinesRate = new("all_machines_mpps", "AgS2 on one core with K machines' entries, all send, Mpps");

    public static IReadOnlyList<Measure> List { get; } =
    [
        SetUp, Load, Update, SlowestUpdate, FlowMods, Busy, Lost, LostPings, Gap, Undelivered, FirstPing, Triangle, Straight, HomeTrip,
        PeerTrip, ControllerPackets, Table2Packets, Entries, ArpLife, InAdvance3, OnDemand3, .. InAdvance4, .. OnPackets4,
        Figure5Rate, OneMachineRate, AllMachinesRate,
    ];

    public static IReadOnlyList<PaperFigure> Figures { get; } =
    [
        new(
            "table2", "Table 2: entries of AcS2 and packets at the controller, by its way of inserting flow4",
            ["insertion=on-demand,proactive,reactive"], [Table2Packets, Entries, FirstPing, Triangle, Straight])
        {
            Settings = ["part=shortcut", "arp-expiry=2"],
        },
        new("table3", "Table 3: flows of controller 2 over N", ["n=1,10,100,1000"], [InAdvance3, OnDemand3])
        {
            Settings = ["part=tables", "k=1", "m=1", "duration=0.5"], Repeat = 1,
        },
        new(
            "table4", "Table 4: flows of the three controllers over K and M",
            ["k=1,10,100,1000", "m=1,1000"], [.. InAdvance4, .. OnPackets4, Load])
        {
            Settings = ["part=tables", "n=1", "duration=0.5"], Repeat = 1,
        },
        new(
            "rates", "AgS2 on one core, from memory, with the entries of Table 4 over K",
            ["k=1,10,100,1000,10000"], [Figure5Rate, OneMachineRate, AllMachinesRate])
        {
            Settings = ["part=rates"], Repeat = 3,
        },
        new(
            "networks", "migration of several levels (§4): a move over the number of campuses, by the tunnels between them",
            ["networks=2,5,10,20,50", "topology=mesh,star,chain"], [Update, FlowMods, Lost, Gap, HomeTrip, PeerTrip, SetUp, Load, Busy])
        {
            Settings = ["part=networks", "moves=20"], Repeat = 3,
        },
    ];

    private static IReadOnlyList<Measure> OfControllers(string way) =>
        [.. Enumerable.Range(0, 3).Select(i => new Measure($"controller{i}_{way}_flows", $"{way} flows of controller {i}"))];
}
