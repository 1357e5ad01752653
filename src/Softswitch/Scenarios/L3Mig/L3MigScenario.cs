using System.Diagnostics;
using Softswitch.Benchmarks.Report;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Headers;
using Softswitch.Laboratory;
using Softswitch.Ports.Linux;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>A VM's migration between two sites across an IP network, by gateways that rewrite addresses and ports.</summary>
internal sealed class L3MigScenario : Scenario
{
    private const double WantedRate = 0.95e9; // bits a second: 95 % of 1 Gbit/s
    private const double LineRate = 1.488e6; // 64-byte frames a second at 1 Gbit/s
    private const double LimitedCopy = 25e6; // bytes a second, while what is measured is not the copy
    private const double SessionRate = 1e6; // bytes a second
    private const ushort FirstCopyPort = 49_152;
    private const ushort MigrationPort = 8002;
    private static readonly TimeSpan LongestOutage = TimeSpan.FromMilliseconds(50);

    public override string Name => "l3mig";

    public override string Paper => "Zeng, L3 VM migration across data centres, draft-zeng-nvo3-l3-vm-migration-00";

    public override string Summary =>
        "Two sites, each with a virtual switch and a gateway switch under a local controller, and an IP network between them that knows only the gateways. A central controller takes "
        + "a VM through the draft's three phases: its memory is copied through six rewrites at each gateway while a TCP session and UDP streams to it go on, before, during and after the move.";

    public override void Run(ScenarioRun run)
    {
        var lab = new L3MigLab(run.Lab, line => run.Say(line));
        lab.Near.WaitForSwitches(2, run.Cancellation);
        lab.Far.WaitForSwitches(2, run.Cancellation);
        run.Say("both sites' switches are connected");
        RegisterAll(run, lab);
        double plain = MeasureWithoutRewrites(run, lab);
        ushort released = MoveUnderTraffic(run, lab, plain);
        new L3MigReturn(run, lab, released).Run();
        new ArpUpload(run, lab).Judge();
        int refused = lab.Near.Errors.Count + lab.Far.Errors.Count;
        run.Check("messages that a switch refused", "0", $"{refused}", refused == 0);
        CheckRate(run);
    }

    private static void RegisterAll(ScenarioRun run, L3MigLab lab)
    {
        LabHost[] hosts = [lab.NearServer, lab.FarServer, lab.Peer, lab.Machine];
        foreach (LabHost host in hosts)
        {
            host.Announce();
        }
        run.WaitUntil(() => hosts.All(host => lab.Central.FindMachine(host.Address) != null), "the central controller knows every machine");
    }

    /// <summary>The copy's path with addresses that the network outside knows: what this machine gives without a rewrite.</summary>
    private static double MeasureWithoutRewrites(ScenarioRun run, L3MigLab lab)
    {
        (LocalController Owner, IReadOnlyList<PathFlow> Path)[] ways =
        [
            (lab.Near, SessionPath.MakePlain(L3MigLab.NearSite, L3MigLab.FarSite, L3MigLab.ServerAt, CentralController.HypervisorVlan)),
            (lab.Far, SessionPath.MakePlain(L3MigLab.FarSite, L3MigLab.NearSite, L3MigLab.ServerAt, CentralController.HypervisorVlan)),
        ];
        ChangeAll(run, ways, FlowModCommand.Add);
        using MemoryCopy copy = MemoryCopy.Start(lab.NearServer, lab.FarServer, L3MigLab.PlainAddress, FirstCopyPort, MigrationPort);
        double rate = copy.Measure(run, MeasuredTime(run));
        CopySummary summary = copy.Stop();
        run.Say($"without rewrites: {rate / 1e9:0.00} Gbit/s");
        run.Check("the copy without rewrites arrives whole", "whole", $"{summary}", summary.IsWhole);
        ChangeAll(run, ways, FlowModCommand.DeleteStrict);
        return rate;
    }

    private static void ChangeAll(ScenarioRun run, (LocalController Owner, IReadOnlyList<PathFlow> Path)[] ways, FlowModCommand command)
    {
        int done = 0;
        foreach ((LocalController owner, IReadOnlyList<PathFlow> path) in ways)
        {
            owner.Change([.. path.Select(flow => (flow, command))], _ => Interlocked.Increment(ref done));
        }
        run.WaitUntil(() => Volatile.Read(ref done) == ways.Length, "the path without rewrites is confirmed");
    }

    private static TimeSpan MeasuredTime(ScenarioRun run) => TimeSpan.FromSeconds(run.Options.Small ? 0.5 : 5);

    /// <returns>The port that stood for the copy, and is free again.</returns>
    private static ushort MoveUnderTraffic(ScenarioRun run, L3MigLab lab, double plain)
    {
        FinishChecksums(lab.Peer, "eth0");
        FinishChecksums(lab.Machine, "eth0", "eth1");
        using var wires = new L3MigWires(run, lab);
        using var sessions = new L3MigSessions(run, lab, SessionRate);
        KeepTables(run, "before");

        var order = new MigrationOrder(
            lab.Machine.Address, new Attachment(L3MigLab.FarSite, lab.Machine.HardwareAddress, L3MigLab.MachineAt),
            new Session(IpProtocol.Tcp, lab.NearServer.Address, lab.FarServer.Address, FirstCopyPort, MigrationPort));
        Await(run, lab.Central.PreMigrate(order), "pre-migration is confirmed");
        ushort assigned = lab.Central.FindPort(order.Copy)!.Value;
        using MemoryCopy copy = MemoryCopy.Start(lab.NearServer, lab.FarServer, lab.FarServer.Address, FirstCopyPort, MigrationPort);
        JudgeRate(run, copy.Measure(run, MeasuredTime(run)), plain);
        copy.Limit(LimitedCopy);
        run.Wait(TimeSpan.FromSeconds(run.Options.Small ? 0.3 : 1)); // until what was under way at full speed has arrived

        sessions.JudgeAdding(run, () => Await(run, lab.Central.Migrate(), "migration's entries are confirmed"));
        KeepTables(run, "during");
        sessions.JudgeMove(run, () => Move(run, lab, cable: 1));
        CleanUp(run, lab, copy, order.Copy);
        run.Wait(TimeSpan.FromSeconds(run.Options.Small ? 0.3 : 1));
        sessions.JudgeEnd(run, LongestOutage);
        wires.Judge(run);
        KeepTables(run, "after");
        run.Result.Add(new LineChart("Memory copy through six rewrites", new Axis("seconds"), new Axis("Mbit/s", Through: WantedRate / 1e6), [new Series("copy", copy.RateSeries(run.Result.Timeline.Start))], HasMarkers: false));
        return assigned;
    }

    private static void JudgeRate(ScenarioRun run, double rate, double plain)
    {
        run.Say($"with six rewrites at each gateway: {rate / 1e9:0.00} Gbit/s");
        run.Result.Add("copyBitsPerSecond", rate);
        run.Result.Add("copyWithoutRewritesBitsPerSecond", plain);
        run.Figure("memory copy with six rewrites at each gateway", "none given", $"{rate / 1e9:0.00} Gbit/s, {rate / plain:0%} of the {plain / 1e9:0.00} Gbit/s without rewrites");
        run.CheckTime("the copy runs at 95 % of 1 Gbit/s or more with six rewrites", $"{WantedRate / 1e9:0.00} Gbit/s", $"{rate / 1e9:0.00} Gbit/s", rate >= WantedRate);
    }

    /// <summary>The copy has ended: its entries go, and the port that stood for it is free.</summary>
    private static void CleanUp(ScenarioRun run, L3MigLab lab, MemoryCopy copy, Session session)
    {
        CopySummary summary = copy.Stop();
        run.Check("the copy arrives whole", "whole", $"{summary}", summary.IsWhole);
        int before = CountEntries(lab, session);
        int free = lab.Central.FreePorts;
        Await(run, lab.Central.CleanUp(), "the clean-up is confirmed");
        int after = CountEntries(lab, session);
        run.Say($"cleaned up: {before} entries of the copy before, {after} after");
        run.Check("entries of the copy after the clean-up", "0 of 8", $"{after} of {before}", after == 0 && before == 8);
        run.Check("the copy's port is free after the clean-up", $"{free + 1} free", $"{lab.Central.FreePorts} free", lab.Central.FreePorts == free + 1);
    }

    /// <summary>Entries on all switches that name both ends of a session, in the match or in the actions.</summary>
    private static int CountEntries(L3MigLab lab, Session session)
    {
        string source = Ipv4Text.Format(session.Source);
        string destination = Ipv4Text.Format(session.Destination);
        return new[] { lab.NearSwitch, lab.NearGateway, lab.FarSwitch, lab.FarGateway }
            .Sum(device => device.TakeSnapshot().Flows.Count(flow => Names(flow, source) && Names(flow, destination)));
    }

    private static bool Names(FlowRow flow, string address) => $"{flow.Match},{flow.Actions},".Contains($"{address},", StringComparison.Ordinal);

    public static long Move(ScenarioRun run, L3MigLab lab, int cable)
    {
        lab.Machine.Prepare(cable);
        long left = run.Say($"the VM leaves for site {cable + 1}");
        lab.Machine.MoveTo(cable);
        lab.Machine.Announce();
        run.WaitUntil(() => lab.Central.SwitchOver is { IsDone: true }, "the sessions are switched over");
        long done = lab.Central.SwitchOver!.DoneAt!.Value;
        run.Say($"switched over {Stopwatch.GetElapsedTime(left, done).TotalMilliseconds:0.0} ms after the VM left", done);
        return left;
    }

    public static void Await(ScenarioRun run, Confirmation confirmation, string what) => run.WaitUntil(() => confirmation.IsDone, what);

    /// <summary>Has a host's stack finish its packets itself, so that what travels is what would on a wire.</summary>
    public static void FinishChecksums(LabHost host, params string[] interfaces)
    {
        foreach (string one in interfaces)
        {
            host.Run<object?>(() =>
            {
                InterfaceFeatures.SetTransmitOffload(one, on: false);
                return null;
            });
        }
    }

    private static void KeepTables(ScenarioRun run, string when)
    {
        foreach (LabSwitch device in run.Lab.Switches)
        {
            run.KeepTable(device, when);
        }
    }

    /// <summary>64-byte frames through six rewrites from memory, on one core: hosts in namespaces do not make 1.488 million packets a second.</summary>
    private static void CheckRate(ScenarioRun run)
    {
        double rate = 1e6 * ScenarioBench.Run(
            run.Cancellation, "pipeline", "--actions", "translate", "--frame", "60", "--seconds", run.Options.Small ? "0.2" : "1")["mpps"]!.GetValue<double>();
        run.Figure("64-byte frames through six rewrites, one core", "none given", $"{rate / 1e6:0.0} Mpps");
        run.CheckTime("64-byte frames at the line rate of 1 Gbit/s through six rewrites, one core", $"{LineRate / 1e6:0.000} Mpps", $"{rate / 1e6:0.0} Mpps", rate >= LineRate);
    }
}
