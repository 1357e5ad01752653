using System.Net.Sockets;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>A VM's migration between two sites across an IP network, by gateways that rewrite addresses and ports.</summary>
internal sealed class L3MigScenario : Scenario
{
    /// <summary>Bytes a second.</summary>
    public const double SessionRate = 1e6;

    private const double LineRate = 1.488e6; // 64-byte frames a second at 1 Gbit/s
    private const ushort CopyPort = 49_152;
    private const ushort LaterPort = 5002;
    private const string LaterText = "as before";
    private static readonly TimeSpan LongestOutage = TimeSpan.FromMilliseconds(50);

    public override string Name => "l3mig";

    public override string Paper => "Zeng et al., VM migration across layer 3, Internet-Draft draft-zeng-nvo3-l3-vm-migration-00";

    public override string Summary =>
        "Two sites, each with a virtual switch and a gateway switch under a local controller, and an IP network between them that knows only the gateways. A central controller takes "
        + "a VM through the draft's three phases: its memory is copied through six rewrites at each gateway while a TCP session and UDP streams to it go on, before, during and after the move.";

    public override string WithGuests =>
        "The VM is a QEMU guest. Its memory goes from server 1 to server 2 by the connection that the gateways rewrite, behind the copy that is measured, and migrates live. "
        + "While QEMU holds it nothing reaches it: judged is the time from its announcement at the new place on.";

    public override void Run(ScenarioRun run)
    {
        var lab = new L3MigLab(run);
        run.WaitUntil(() => lab.Near.Switches.Count == 2 && lab.Far.Switches.Count == 2, "both sites' switches are connected");
        run.Say("both sites' switches are connected");
        RegisterAll(run, lab);
        L3MigMove.Rehearse(run, lab);
        ushort released = MoveUnderTraffic(run, lab);
        new L3MigReturn(run, lab, released).Run();
        new ArpUpload(run, lab).Judge();
        int refused = lab.Near.Errors.Count + lab.Far.Errors.Count;
        run.Check("messages that a switch refused", "0", $"{refused}", refused == 0);
        CheckRate(run);
    }

    private static void RegisterAll(ScenarioRun run, L3MigLab lab)
    {
        LabHost[] hosts = [lab.NearServer, lab.FarServer, lab.Peer];
        foreach (LabHost host in hosts)
        {
            host.Announce();
        }
        lab.Machine.Announce();
        run.WaitUntil(
            () => hosts.Select(host => host.Address).Append(lab.Machine.Address).All(address => lab.Central.FindMachine(address) != null),
            "the central controller knows every machine");
    }

    /// <returns>The port that stood for the copy, and is free again.</returns>
    private static ushort MoveUnderTraffic(ScenarioRun run, L3MigLab lab)
    {
        FinishChecksums(lab.Peer, "eth0");
        if (lab.Machine is LabHost machine)
        {
            FinishChecksums(machine, "eth0", "eth1");
        }
        using var wires = new L3MigWires(run, lab);
        using var sessions = new L3MigSessions(run, lab);
        KeepTables(run, "before");

        MigrationOrder order = L3MigMove.Order(lab, place: 1, CopyPort);
        L3MigMove.Await(run, lab.Central.PreMigrate(order), "pre-migration is confirmed");
        ushort assigned = lab.Central.FindPort(order.Copy)!.Value;
        using var transfer = new L3MigTransfer(lab, order, place: 1);
        new L3MigRates(run, lab).Judge(transfer.Copy);
        transfer.BeginMove(run);

        sessions.JudgeAdding(run, () => L3MigMove.Await(run, lab.Central.Migrate(), "migration's entries are confirmed"));
        KeepTables(run, "during");
        L3MigMoved moved = L3MigMove.Go(run, lab, place: 1);
        if (moved.Figures is { } figures)
        {
            transfer.Judge(run, figures);
        }
        sessions.WatchMove(run, moved.Left);
        TimeSpan update = wires.JudgeOutage(run, moved, LongestOutage);
        CheckLaterSession(run, lab);
        CleanUp(run, lab, transfer, order.Copy);
        run.Wait(TimeSpan.FromSeconds(run.Options.Small ? 0.3 : 1));
        sessions.JudgeEnd(run);
        if (moved.Figures is { } guest)
        {
            run.Result.Add(new ScenarioMigration("site 1 to site 2", guest) { Update = update, FlowMods = moved.FlowMods, Lost = sessions.Lost, TcpStall = sessions.Stall });
        }
        wires.Judge(run);
        KeepTables(run, "after");
        run.Result.Add(new LineChart(
            "Memory copy through six rewrites", new Axis("seconds"), new Axis("Mbit/s", Through: L3MigRates.Wanted / 1e6),
            [new Series("copy", transfer.Copy.RateSeries(run.Result.Timeline.Start))], HasMarkers: false));
        return assigned;
    }

    /// <summary>A session that begins after the move gets a port of the gateways with its first packet.</summary>
    private static void CheckLaterSession(ScenarioRun run, L3MigLab lab)
    {
        const string what = "a session that the VM begins at the new place is carried from its first packet";
        if (lab.Machine is LabMachine guest)
        {
            string arrived = Receive(lab.Peer, guest);
            run.Check(what, LaterText, arrived, arrived == LaterText);
            return;
        }
        using TcpStream later = TcpStream.Start((LabHost)lab.Machine, lab.Peer, LaterPort, SessionRate);
        run.Wait(TimeSpan.FromMilliseconds(300));
        TcpSummary summary = later.Stop();
        run.Check(what, "all right", $"{summary}", summary is { Failure: null, WrongBytes: 0, Bytes: > 0 });
    }

    /// <summary>Has the guest connect and send a text.</summary>
    /// <returns>What came.</returns>
    private static string Receive(LabHost at, LabMachine guest)
    {
        using Socket listener = at.Listen(ProtocolType.Tcp, LaterPort)!;
        guest.Execute($"echo -n '{LaterText}' | nc -w 10 {Ipv4Text.Format(at.Address)} {LaterPort} >/dev/null 2>&1 &").Checked();
        if (!listener.Poll(ScenarioRun.Patience, SelectMode.SelectRead))
        {
            return "no connection";
        }
        using Socket connection = listener.Accept();
        using var stream = new NetworkStream(connection) { ReadTimeout = (int)ScenarioRun.Patience.TotalMilliseconds };
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>The copy has ended: its entries go, and the port that stood for it is free.</summary>
    private static void CleanUp(ScenarioRun run, L3MigLab lab, L3MigTransfer transfer, Session session)
    {
        CopySummary summary = transfer.End();
        run.Check("the copy arrives whole", "whole", $"{summary}", summary.IsWhole);
        int before = CountEntries(lab, session);
        int free = lab.Central.FreePorts;
        L3MigMove.Await(run, lab.Central.CleanUp(), "the clean-up is confirmed");
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
