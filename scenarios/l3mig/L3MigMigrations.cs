using System.Diagnostics;
using System.Net.Sockets;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Charts;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>Migrations from site 1 to site 2 while sessions with the VM go on.</summary>
internal sealed class L3MigMigrations(ScenarioRun run, L3MigLab lab)
{
    private const ushort CopyPort = 49_200; // and one more for each migration
    private const ushort ReturnPort = 49_300;
    private const ushort LaterPort = 5002;
    private const double LaterRate = 1e6; // bytes a second
    private const string LaterText = "as before";
    private static readonly TimeSpan LongestOutage = TimeSpan.FromMilliseconds(50);

    private readonly bool _isAll = run.Get(L3MigParameters.Part) == L3MigParameters.Everything;
    private readonly List<(double X, double Y)> _copyRates = [];

    /// <returns>The port that stood for the last copy, and is free again.</returns>
    public ushort Run()
    {
        foreach (LabHost peer in lab.Peers)
        {
            L3MigScenario.FinishChecksums(peer, peer.CurrentInterface);
        }
        if (lab.Machine is LabHost machine)
        {
            L3MigScenario.FinishChecksums(machine, "eth0", "eth1");
        }
        using var wires = new L3MigWires(run, lab, looksAtCopy: _isAll);
        using var connections = new L3MigConnections(run, lab);
        using var sessions = new L3MigSessions(run, lab, connections.Count);
        if (!_isAll)
        {
            L3MigMove.Rehearse(run, lab); // with sessions, whose entries are new code too
        }
        KeepTables("before");
        int arps = 0;
        var moves = new List<L3MigPhases>();
        int wanted = run.Get(L3MigParameters.MoveCount);
        ushort released = 0;
        while (moves.Count < wanted)
        {
            if (moves.Count > 0)
            {
                L3MigMove.Bring(run, lab, place: 0, (ushort)(ReturnPort + moves.Count));
            }
            // At any moment between two packets.
            run.Wait(TimeSpan.FromSeconds(run.Random.NextDouble() / run.Get(L3MigParameters.Rate)));
            int before = lab.CountArps();
            moves.Add(Move((ushort)(CopyPort + moves.Count), isLast: moves.Count == wanted - 1, wires, sessions, out released));
            arps += lab.CountArps() - before;
        }
        run.Record(L3MigMeasures.Arps, (double)arps / wanted);
        run.Wait(TimeSpan.FromSeconds(run.Options.Small ? 0.3 : 1));
        sessions.JudgeEnd(run);
        JudgeConnections(connections);
        L3MigMoved moved = moves[^1].Moved;
        if (moved.Figures is { } guest)
        {
            run.Result.Add(new ScenarioMigration("site 1 to site 2", guest)
            {
                Update = moves[^1].Outage.Update,
                FlowMods = moved.Move.FlowMods,
                Lost = sessions.Lost,
                TcpStall = sessions.Stall,
            });
        }
        wires.Judge(run);
        L3MigMeasures.Record(run, moves, sessions, wires);
        KeepTables("after");
        run.Result.Add(new LineChart(
            "Memory copy through six rewrites", new Axis("seconds"), new Axis("Mbit/s", Through: L3MigRates.Wanted / 1e6),
            [new Series("copy", _copyRates)], HasMarkers: false));
        return released;
    }

    /// <summary>A migration for the copy's sake, without sessions.</summary>
    /// <returns>As of <see cref="Run"/>.</returns>
    public static ushort RunCopy(ScenarioRun run, L3MigLab lab)
    {
        MigrationOrder order = L3MigMove.Order(lab, place: 1, CopyPort);
        L3MigMove.Await(run, lab.Central.PreMigrate(order), "pre-migration is confirmed");
        ushort assigned = lab.Central.FindPort(order.Copy)!.Value;
        using var transfer = new L3MigTransfer(lab, order, place: 1);
        new L3MigRates(run, lab).Judge(transfer.Copy);
        transfer.BeginMove(run);
        L3MigMove.Await(run, lab.Central.Migrate(), "migration's entries are confirmed");
        L3MigMove.Settle(run, lab);
        L3MigMove.Go(run, lab, place: 1);
        CleanUp(run, lab, transfer, order.Copy);
        return assigned;
    }

    private L3MigPhases Move(ushort copyPort, bool isLast, L3MigWires wires, L3MigSessions sessions, out ushort assigned)
    {
        long flowMods = lab.CountFlowMods();
        long ordered = Stopwatch.GetTimestamp();
        MigrationOrder order = L3MigMove.Order(lab, place: 1, copyPort);
        Confirmation before = lab.Central.PreMigrate(order);
        L3MigMove.Await(run, before, "pre-migration is confirmed");
        assigned = lab.Central.FindPort(order.Copy)!.Value;
        long copying = Stopwatch.GetTimestamp();
        long prepared = lab.CountFlowMods();

        double? memory = run.Get(L3MigParameters.Memory);
        bool takesTurns = _isAll && copyPort == CopyPort;
        using var transfer = new L3MigTransfer(lab, order, place: 1, waits: memory != null && !takesTurns);
        if (takesTurns)
        {
            new L3MigRates(run, lab).Judge(transfer.Copy);
        }
        TimeSpan? copy = null;
        Confirmation during = memory is { } size
            ? MigrateWithMemory(transfer, sessions, (long)(size * 1e6), out copy)
            : MigrateBesideCopy(transfer, sessions);
        long migrated = lab.CountFlowMods();

        L3MigMoved moved = L3MigMove.Go(run, lab, place: 1);
        if (moved.Figures is { } figures)
        {
            transfer.Judge(run, figures);
        }
        sessions.WatchMove(run, moved.Left);
        L3MigOutage outage = wires.JudgeOutage(run, moved, LongestOutage);
        var after = new L3MigPhase(moved.Left, Stopwatch.GetTimestamp(), lab.Central.SwitchOver!.Took, lab.CountFlowMods() - migrated);
        if (isLast)
        {
            CheckLaterSession(); // while the copy has its port, which the way back is to get
        }
        long switched = lab.CountFlowMods();
        TimeSpan cleanUp = CleanUp(run, lab, transfer, order.Copy);
        _copyRates.AddRange(transfer.Copy.RateSeries(run.Result.Timeline.Start, TimeSpan.FromMilliseconds(50)));
        return new L3MigPhases(
            new L3MigPhase(ordered, copying, before.Took, prepared - flowMods),
            new L3MigPhase(copying, moved.Left, during.Took, migrated - prepared),
            after)
        {
            CleanUp = cleanUp,
            CleanUpFlowMods = lab.CountFlowMods() - switched,
            Outage = outage,
            Copy = copy,
            Moved = moved,
        };
    }

    /// <summary>The second phase, judged: the copy is slow, and entries are added when it has been for a while.</summary>
    private Confirmation MigrateBesideCopy(L3MigTransfer transfer, L3MigSessions sessions)
    {
        transfer.BeginMove(run);
        Confirmation? done = null;
        sessions.JudgeAdding(run, isAdded: run.Get(L3MigParameters.MakeBeforeBreak), () => done = Migrate());
        KeepTables("during");
        return done!;
    }

    /// <summary>The second phase as it is: entries are added while the memory is under way, and the VM moves when it has arrived.</summary>
    private Confirmation MigrateWithMemory(L3MigTransfer transfer, L3MigSessions sessions, long bytes, out TimeSpan? copy)
    {
        Confirmation? done = null;
        double? rate = run.Get(L3MigParameters.CopyRate) * 1e6;
        TimeSpan took = transfer.CopyMemory(run, bytes, rate, () => done = Migrate(), sessions.EnsureRunning);
        run.Say($"{bytes / 1e6:0} MB of memory have arrived in {took.TotalSeconds:0.00} s");
        KeepTables("during");
        copy = took;
        return done!;
    }

    private Confirmation Migrate()
    {
        Confirmation done = lab.Central.Migrate();
        L3MigMove.Await(run, done, "migration's entries are confirmed");
        return done;
    }

    private void JudgeConnections(L3MigConnections connections)
    {
        if (connections.Count > 0)
        {
            int alive = connections.CountAlive();
            run.Record(L3MigMeasures.LostSessions, connections.Count - alive);
            run.Check("sessions that live after the migration", $"{connections.Count}", $"{alive}", alive == connections.Count);
        }
    }

    /// <summary>A session that begins after the move gets a port of the gateways with its first packet.</summary>
    private void CheckLaterSession()
    {
        const string what = "a session that the VM begins at the new place is carried from its first packet";
        if (lab.Machine is LabMachine guest)
        {
            string arrived = Receive(lab.Peer, guest);
            run.Check(what, LaterText, arrived, arrived == LaterText);
            return;
        }
        using TcpStream later = TcpStream.Start((LabHost)lab.Machine, lab.Peer, LaterPort, LaterRate);
        run.Wait(TimeSpan.FromMilliseconds(300));
        run.Await(() => later.Arrived > 0);
        TcpSummary summary = later.Stop();
        run.Check(what, "all right", $"{summary}", summary.IsWhole);
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
    /// <returns>What the clean-up took.</returns>
    private static TimeSpan CleanUp(ScenarioRun run, L3MigLab lab, L3MigTransfer transfer, Session session)
    {
        TcpSummary summary = transfer.End();
        run.Check("the copy arrives whole", "whole", $"{summary}", summary.IsWhole);
        L3MigMove.Settle(run, lab);
        int before = CountEntries(lab, session);
        int free = lab.Central.FreePorts;
        Confirmation cleanUp = lab.Central.CleanUp();
        L3MigMove.Await(run, cleanUp, "the clean-up is confirmed");
        L3MigMove.Settle(run, lab);
        int after = CountEntries(lab, session);
        run.Say($"cleaned up: {before} entries of the copy before, {after} after");
        run.Check("entries of the copy after the clean-up", "0 of 8", $"{after} of {before}", after == 0 && before == 8);
        run.Check("the copy's port is free after the clean-up", $"{free + 1} free", $"{lab.Central.FreePorts} free", lab.Central.FreePorts == free + 1);
        return cleanUp.Took;
    }

    /// <summary>Entries on all switches that name both ends of a session, in the match or in the actions.</summary>
    private static int CountEntries(L3MigLab lab, Session session)
    {
        string source = Ipv4Text.Format(session.Source);
        string destination = Ipv4Text.Format(session.Destination);
        return new[] { lab.NearSwitch, lab.NearGateway, lab.FarSwitch, lab.FarGateway }
            .Sum(device => device.TakeSnapshot().Flows.Count(flow => Names(flow, source) && Names(flow, destination)));
    }

    private static bool Names(SnapshotFlow flow, string address) => $"{flow.Match},{flow.Actions},".Contains($"{address},", StringComparison.Ordinal);

    /// <summary>Kept for a reader; formatting thousands of entries would delay what is measured.</summary>
    private void KeepTables(string when)
    {
        if (_isAll)
        {
            run.KeepTables(when);
        }
    }
}
