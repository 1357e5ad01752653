using System.Text;
using System.Text.Json.Nodes;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.Twaren;

/// <summary>The paper's first scenario: with Table 2 on AcS2, VM-S and VM-T speak with each other without leaving it.</summary>
internal static class TwarenShortcut
{
    private const double ArpTolerance = 1; // seconds

    private static readonly Dictionary<string, Way> Ways = new()
    {
        [CommonParameters.OnDemand] = new(["flow1", "flow2"], ["flow3"], ["flow1", "flow2", "flow4"], 1, PacketInReason.Action),
        [CommonParameters.Proactive] = new(["flow1", "flow2", "flow4"], ["flow3"], ["flow1", "flow2", "flow4"], 0, PacketInReason.Action),
        [CommonParameters.Reactive] = new(["flow1"], ["flow3", "flow4"], ["flow1", "flow4"], 1, PacketInReason.NoMatch),
    };

    /// <param name="around">The same pings by the triangle route.</param>
    public static void Run(ScenarioRun run, TwarenLab lab, TwarenWires wires, StreamSummary around)
    {
        string how = lab.SecondAccess.IsOnCard ? "on the card" : "in software";
        TwarenController controller = lab.Controllers[2];
        Way way = WayOf(run);
        Load(run, lab, way);
        int arrived = controller.Arrived.Count;
        int removed = controller.Removed.Count;
        lab.MovedHost.ForgetNeighbours();
        lab.TargetHost.ForgetNeighbours();
        wires.Drain();
        long start = run.Say($"AcS2, {how}, has {string.Join(" and ", way.InAdvance)} of Table 2; VM-S pings VM-T");
        TimeSpan first = TwarenSteps.PingOnce(lab.MovedHost, lab.TargetHost.Address, "VM-T");
        PingStream pings = run.Own(TwarenSteps.StartPings(run, lab));
        TwarenSteps.WaitDuration(run);
        StreamSummary summary = pings.Stop();
        wires.Drain();

        run.Result.Add($"Table 2, {how}", summary.ToJson());
        run.AddDelays($"VM-S to VM-T with Table 2, {how}", "round trip", pings);
        run.Figure(
            $"round trip VM-S to VM-T, AcS2 {how}", "none given",
            $"{around.MedianDelay.TotalMilliseconds:0.00} ms by the triangle route, {summary.MedianDelay.TotalMilliseconds:0.00} ms straight; the first ping {first.TotalMilliseconds:0.0} ms");
        int packets = JudgePackets(run, controller, how, summary, arrived);
        JudgeWires(run, wires, how, summary.Sent + 1, start);
        RemovedFlow flow3 = JudgeExpiry(run, lab, controller, how, removed);
        JudgeEnd(run, lab, how, summary.Sent + 1);
        if (lab.SecondAccess.IsOnCard)
        {
            JudgeCard(run, lab.SecondAccess);
        }
        run.KeepTables($"after, {how}");
        if (run.Result.Measures.ContainsKey(TwarenMeasures.FirstPing))
        {
            return; // the card's, after those of software
        }
        run.Record(TwarenMeasures.FirstPing, first.TotalMilliseconds);
        run.Record(TwarenMeasures.Straight, summary.MedianDelay.TotalMilliseconds);
        run.Record(TwarenMeasures.Table2Packets, packets);
        run.Record(TwarenMeasures.Entries, TwarenSteps.CountEntries(lab.SecondAccess, null));
        run.Record(TwarenMeasures.ArpLife, flow3.Lived.TotalSeconds);
    }

    /// <summary>A flow's match as dump-flows has it, with the priority.</summary>
    public static string MatchOf(StaticFlow flow)
    {
        var text = new StringBuilder();
        MatchText.Append(text, flow.Flow.Match, flow.Flow.Priority);
        return text.ToString();
    }

    /// <summary>AcS2 goes on as a NetFPGA card, and Table 2 with it.</summary>
    public static void RunOnCard(ScenarioRun run, TwarenLab lab, TwarenWires wires, StreamSummary around)
    {
        LabSwitch device = lab.SecondAccess;
        TwarenController controller = lab.Controllers[2];
        device.Stop();
        run.WaitUntil(() => controller.Find(device.DatapathId) == null, "AcS2 is gone from its controller");
        device.StartOnCard();
        run.WaitUntil(() => controller.Find(device.DatapathId) != null, "AcS2 is back at its controller");
        run.WaitUntil(() => device.AreLinksUp, "the card's links are up");
        run.Say("AcS2 is an emulated NetFPGA card now");
        Run(run, lab, wires, around);
    }

    /// <summary>Figure 6's entries go first: 222 covers flow2, and overlaps flow4.</summary>
    private static void Load(ScenarioRun run, TwarenLab lab, Way way)
    {
        TwarenController controller = lab.Controllers[2];
        IReadOnlyList<StaticFlow> table = TwarenFlows.Read(TwarenFlows.Table2);
        controller.ArpSeconds = (ushort)run.Get(TwarenParameters.ArpExpiry);
        controller.Clear(TwarenLab.SecondAccessId);
        controller.Push(table.Where(flow => way.InAdvance.Contains(flow.Name)).Select(flow => flow with { IsActive = true }));
        controller.Offer(table.Where(flow => way.Offered.Contains(flow.Name)));
        TwarenSteps.Settle(run, lab);
    }

    /// <returns>VM-S's to VM-T.</returns>
    private static int JudgePackets(ScenarioRun run, TwarenController controller, string how, StreamSummary summary, int arrivedBefore)
    {
        Way way = WayOf(run);
        ArrivedPacket[] pair = [.. controller.Arrived.Skip(arrivedBefore)
            .Where(packet => packet.Source == TwarenLab.Moved.Address && packet.Destination == TwarenLab.Target.Address)];
        run.Figure($"IPv4 packets from VM-S to VM-T at the controller, AcS2 {how}", "1", $"{pair.Length} of {summary.Sent + 1}");
        string which = way.AtController == 0 ? "no" : "exactly one";
        string why = way.AtController == 0 ? "as flow4 is there" : way.Reason == PacketInReason.Action ? "sent there by flow2" : "as it has no flow";
        run.Check(
            $"{how}: {which} IPv4 packet from VM-S to VM-T reaches the controller, {why}", way.AtController == 0 ? "0" : "1, packets 2 to N none",
            $"{pair.Length} of {summary.Sent + 1}", pair.Length == way.AtController && pair.All(packet => packet.Reason == way.Reason) && summary.Sent > 1);
        TwarenSteps.CheckLoss(
            run, $"{how}: every ping is answered", $"{summary.Sent} of {summary.Sent}", $"{summary.Received}", summary.Lost == 0);
        return pair.Length;
    }

    private static void JudgeWires(ScenarioRun run, TwarenWires wires, string how, int sent, long start)
    {
        int tunnel = wires.OnTunnel.After(start);
        int gateway = wires.AtGateway.After(start);
        run.Check($"{how}: VM-S and VM-T cross neither tunnel nor CR2: the triangle route is gone", "0 and 0 packets", $"{tunnel} and {gateway}", tunnel == 0 && gateway == 0);
        int there = wires.AtTarget.After(start);
        int back = wires.AtMoved.After(start);
        int wrong = wires.AtTargetWrong.After(start) + wires.AtMovedWrong.After(start);
        run.Check(
            $"{how}: destination addresses are those of flow4 (VM-T's) and flow1 (VM-S's)", "0 wrong, some each way",
            $"{wrong} wrong of {there} and {back}", there > 0 && back > 0 && wrong == 0);
        TwarenSteps.CheckLoss(
            run, $"{how}: every packet of the pair arrives", $"{sent} and {sent} packets", $"{there} and {back}",
            there == sent && back == sent);
    }

    private static RemovedFlow JudgeExpiry(ScenarioRun run, TwarenLab lab, TwarenController controller, string how, int removedBefore)
    {
        string arp = MatchOf(TwarenFlows.Find(TwarenFlows.Table2, "flow3"));
        TimeSpan patience = ScenarioRun.Patience + TimeSpan.FromSeconds(controller.ArpSeconds);
        run.WaitUntil(() => controller.Removed.Skip(removedBefore).Any(one => IsFlow(one, arp)), "flow3 has expired", patience);
        run.WaitUntil(() => TwarenSteps.CountEntries(lab.SecondAccess, null) <= WayOf(run).Remaining.Length, "what ARP left at AcS2 has expired", patience);
        RemovedFlow flow3 = controller.Removed.Skip(removedBefore).First(one => IsFlow(one, arp));
        run.Say($"flow3 is gone, {flow3.Lived.TotalSeconds:0.00} s after it came");
        run.CheckTime(
            $"{how}: flow3 expires", $"{controller.ArpSeconds} s, give or take {ArpTolerance:0} s", $"{flow3.Lived.TotalSeconds:0.00} s ({flow3.Reason})",
            flow3.Reason == FlowRemovedReason.HardTimeout && Math.Abs(flow3.Lived.TotalSeconds - controller.ArpSeconds) <= ArpTolerance);
        return flow3;
    }

    private static void JudgeEnd(ScenarioRun run, TwarenLab lab, string how, int sent)
    {
        Way way = WayOf(run);
        IReadOnlyList<StaticFlow> table = TwarenFlows.Read(TwarenFlows.Table2);
        string[] wanted = [.. way.Remaining.Select(name => Describe(table.Single(flow => flow.Name == name))).Order(StringComparer.Ordinal)];
        IReadOnlyList<SnapshotFlow> rows = [];
        string[] found = [];
        // A host may just have asked for its neighbour again, which brings an entry that goes as flow3 did.
        run.Await(
            () =>
            {
                rows = lab.SecondAccess.TakeSnapshot().Flows;
                found = [.. rows.Select(row => $"{row.Match} actions={row.Actions}").Order(StringComparer.Ordinal)];
                return wanted.SequenceEqual(found);
            },
            ScenarioRun.Patience + TimeSpan.FromSeconds(run.Get(TwarenParameters.ArpExpiry)));
        run.Figure($"entries on AcS2 at the end, AcS2 {how}", "flow1, flow2, flow4", $"{found.Length}: {(wanted.SequenceEqual(found) ? string.Join(", ", way.Remaining) : "others")}");
        string names = string.Join(", ", way.Remaining);
        run.Check($"{how}: AcS2 holds exactly {names} of Table 2", names, wanted.SequenceEqual(found) ? names : string.Join("; ", found), wanted.SequenceEqual(found));
        ulong[] counts = [.. way.Remaining.Select(name => rows.FirstOrDefault(row => row.Match == MatchOf(table.Single(flow => flow.Name == name)))?.Packets ?? 0)];
        ulong[] right = [.. way.Remaining.Select(name => (ulong)(name switch
        {
            "flow1" => sent,
            "flow2" => way.AtController,
            _ => sent - way.AtController,
        }))];
        TwarenSteps.CheckLoss(
            run, $"{how}: the entries have counted every packet", string.Join(", ", right), string.Join(", ", counts),
            counts.SequenceEqual(right));
    }

    /// <summary>flow1 and flow4 are rows of the card, and have forwarded there; flow2, which goes to the controller, is the host's.</summary>
    private static void JudgeCard(ScenarioRun run, LabSwitch device)
    {
        IReadOnlyList<string> card = device.Host.DescribeCards();
        run.Result.Add("card", new JsonArray([.. card.Select(line => (JsonNode)line)]));
        string[] rows = [.. card.Where(line => line.TrimStart().StartsWith("row=", StringComparison.Ordinal))];
        IReadOnlyList<StaticFlow> table = TwarenFlows.Read(TwarenFlows.Table2);
        string[] remaining = WayOf(run).Remaining;
        string[] wanted = [.. remaining.Select(name => name == "flow2" ? "software" : "card")];
        string[] found = [.. remaining.Select(name => WhereOf(rows, table.Single(flow => flow.Name == name)))];
        run.Figure("Table 2 on the card", "flow1, flow2, flow4 in a NetFPGA switch", string.Join(", ", remaining.Zip(found, (name, where) => $"{name} {where}")));
        run.Check(
            "on the card: flow1 and flow4 are offloaded, flow2 is in software", string.Join(", ", wanted), string.Join(", ", found), found.SequenceEqual(wanted));
    }

    private static string WhereOf(string[] rows, StaticFlow flow)
    {
        var match = new StringBuilder();
        MatchText.Append(match, flow.Flow.Match);
        string forwards = Describe(flow);
        forwards = forwards[forwards.IndexOf("actions=", StringComparison.Ordinal)..];
        return rows.Any(row => row.EndsWith($"{match} {forwards}", StringComparison.Ordinal) && !row.Contains("n_packets=0,", StringComparison.Ordinal)) ? "card" : "software";
    }

    private static bool IsFlow(RemovedFlow removed, string match)
    {
        var text = new StringBuilder();
        MatchText.Append(text, removed.Match, TwarenFlows.Find(TwarenFlows.Table2, "flow3").Flow.Priority);
        return text.ToString() == match;
    }

    private static string Describe(StaticFlow flow)
    {
        var text = new StringBuilder(MatchOf(flow));
        text.Append(" actions=");
        ActionText.Append(text, flow.Flow.Actions);
        return text.ToString();
    }

    private static Way WayOf(ScenarioRun run) =>
        Ways.GetValueOrDefault(run.Get(TwarenParameters.Insertion), Ways[CommonParameters.OnDemand]);

    /// <summary>How Table 2's flows come into the table.</summary>
    /// <param name="InAdvance">Before any packet.</param>
    /// <param name="Offered">With the first packet that has none.</param>
    /// <param name="Remaining">When flow3 has expired.</param>
    /// <param name="AtController">IPv4 packets from VM-S to VM-T that go to the controller, and why.</param>
    private sealed record Way(string[] InAdvance, string[] Offered, string[] Remaining, int AtController, PacketInReason Reason);
}
