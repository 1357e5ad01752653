using System.Diagnostics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.Twaren;

/// <summary>Tables 3 and 4, and both for a thousand machines: the flows there are in advance and those that packets bring, and what so many of them cost.</summary>
/// <remarks>
/// All machines are at VM-S's place: its host sends their frames. Figure 5's nine entries without a machine are reactive here, as Table 4 counts them.
/// </remarks>
internal static class TwarenScale
{
    private const int AtOnce = 50;
    private const int AggregationOnPackets = 9;
    private const int MostAttempts = 3;
    private const ushort FirstPort = 7003;
    private const ushort FirstPacket = 1024; // source ports: which packet of a machine's it is
    private const ushort SecondPacket = 1025;
    private const ushort LongArpSeconds = 600; // so that all are there when they are counted

    public static void Run(ScenarioRun run, TwarenLab lab, TwarenWires wires)
    {
        int k = run.Get(TwarenParameters.K);
        int m = run.Get(TwarenParameters.M);
        int n = run.Get(TwarenParameters.N);
        if (k > 1 || m > 1)
        {
            CountTable4(run, lab, 1, 1);
        }
        (double load, int[] before, int[] after) = CountTable4(run, lab, k, m);
        run.Record(TwarenMeasures.Load, load);
        for (int i = 0; i < before.Length; i++)
        {
            run.Record(TwarenMeasures.InAdvance4[i], before[i]);
            run.Record(TwarenMeasures.OnPackets4[i], after[i]);
        }
        CarryTraffic(run, lab, k);
        if (run.Get(TwarenParameters.Part) == TwarenParameters.All)
        {
            TwarenRate.Judge(run);
        }
        if (n > 1)
        {
            CountTable3(run, lab, wires, TwarenFlows.MakeMachines(1));
        }
        (int inAdvance, int onDemand) = CountTable3(run, lab, wires, TwarenFlows.MakeMachines(n));
        run.Record(TwarenMeasures.InAdvance3, inAdvance);
        run.Record(TwarenMeasures.OnDemand3, onDemand);
    }

    /// <returns>How long it took to load them, in milliseconds, and the flows of each controller in advance and on packets.</returns>
    private static (double Load, int[] Before, int[] After) CountTable4(ScenarioRun run, TwarenLab lab, int k, int m)
    {
        var tables = new Tables(lab, TwarenFlows.MakeMachines(k), TwarenFlows.MakeMachines(m));
        IReadOnlyList<TwarenMachine> machines = k > m ? tables.First : tables.Second;
        double load = Load(run, lab, tables);
        int[] before = [Aggregation(lab, Insertion.Proactive), tables.CountFirst(Insertion.Proactive), tables.CountSecond(Insertion.Proactive)];
        SendArp(run, lab, machines, tables);
        SendPackets(run, lab, machines, tables);
        SendToGateways(run, lab);
        TwarenSteps.Settle(run, lab);
        int[] after = [Aggregation(lab, Insertion.Reactive), tables.CountFirst(Insertion.Reactive), tables.CountSecond(Insertion.Reactive)];
        string which = k == m ? $"K = M = {k}" : $"K = {k}, M = {m}";
        run.Figure($"Table 4, {which}: proactive flows of controllers 0, 1, 2", $"3K+1, K, M: {(3 * k) + 1}, {k}, {m}", string.Join(", ", before));
        run.Figure($"Table 4, {which}: reactive flows of controllers 0, 1, 2", $"9, 2K, 2M: {AggregationOnPackets}, {2 * k}, {2 * m}", string.Join(", ", after));
        run.Check(
            $"flow counts of Table 4 with {(k == m ? Describe(k) : which)}", $"{(3 * k) + 1}, {k}, {m} and {AggregationOnPackets}, {2 * k}, {2 * m}",
            $"{string.Join(", ", before)} and {string.Join(", ", after)}",
            before.SequenceEqual([(3 * k) + 1, k, m]) && after.SequenceEqual([AggregationOnPackets, 2 * k, 2 * m]));
        if (machines.Count > 1)
        {
            run.KeepTable(lab.SecondAggregation, $"with {machines.Count} machines");
        }
        return (load, before, after);
    }

    private static double Load(ScenarioRun run, TwarenLab lab, Tables tables)
    {
        foreach (TwarenController controller in lab.Controllers)
        {
            controller.ArpSeconds = LongArpSeconds;
        }
        foreach (LabSwitch device in run.Lab.Switches)
        {
            OwnerOf(lab, device.DatapathId).Clear(device.DatapathId);
        }
        // At once: what came now and found nothing offered would be bridged, by an entry that keeps further packets from the controller.
        lab.Controllers[0].Offer(TwarenFlows.AggregationOnPackets(tables.First));
        lab.Controllers[1].Offer(TwarenFlows.AccessOnPackets(tables.First).Where(flow => flow.Switch == TwarenLab.FirstAccessId));
        lab.Controllers[2].Offer(TwarenFlows.AccessOnPackets(tables.Second).Where(flow => flow.Switch == TwarenLab.SecondAccessId));
        TwarenSteps.Settle(run, lab);
        StaticFlow[][] inAdvance =
        [
            [.. TwarenFlows.AggregationInAdvance(tables.First)],
            [.. TwarenFlows.AccessInAdvance(tables.First).Where(flow => flow.Switch == TwarenLab.FirstAccessId)],
            [.. TwarenFlows.AccessInAdvance(tables.Second).Where(flow => flow.Switch == TwarenLab.SecondAccessId)],
        ];
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < inAdvance.Length; i++)
        {
            lab.Controllers[i].Push(inAdvance[i]);
        }
        double load = Stopwatch.GetElapsedTime(began, TwarenSteps.Settle(run, lab)).TotalMilliseconds;
        run.Say($"flows in advance for {Describe(Math.Max(tables.First.Count, tables.Second.Count))} are loaded");
        return load;
    }

    /// <summary>Every machine asks for R's Ethernet address: the answers bring the access switches' entries for its ARP.</summary>
    private static void SendArp(ScenarioRun run, TwarenLab lab, IReadOnlyList<TwarenMachine> machines, Tables tables) => InBatches(
        machines,
        machine => lab.MovedSender.SendFrame(
            new ArpMessage(ArpMessage.Request, machine.HardwareAddress, machine.Address, default, lab.Neighbour.Address).ToFrame(MacAddress.Broadcast)),
        (act, done) => run.Insist(
            act, () => tables.Have(done, match => match.DlType == EtherType.Arp), $"the ARP of {done} machines has its entries on both access switches"));

    /// <summary>Every machine sends R a packet.</summary>
    private static void SendPackets(ScenarioRun run, TwarenLab lab, IReadOnlyList<TwarenMachine> machines, Tables tables) => InBatches(
        machines,
        machine => lab.MovedSender.SendFrame(MakePacket(machine, lab.Neighbour.HardwareAddress, lab.Neighbour.Address)),
        (act, done) => run.Insist(
            act, () => tables.Have(done, match => match.DlType == EtherType.Ipv4), $"what {done} machines send has its entries on both access switches"));

    /// <summary>What brings the nine: ARP for both gateways, and packets to the outside from VM-S, VM-T and a machine that no entry names.</summary>
    private static void SendToGateways(ScenarioRun run, TwarenLab lab) => run.Insist(
        () =>
        {
            lab.MovedSender.SendFrame(Ask(TwarenLab.Moved, TwarenLab.FirstGateway.Address));
            lab.TargetHost.SendFrame(Ask(TwarenLab.Target, TwarenLab.SecondGateway.Address));
            lab.MovedSender.SendFrame(MakePacket(TwarenLab.Moved, TwarenLab.FirstGateway.HardwareAddress, lab.Outside.Address));
            lab.MovedSender.SendFrame(MakePacket(TwarenLab.Stranger, TwarenLab.FirstGateway.HardwareAddress, lab.Outside.Address));
            lab.TargetHost.SendFrame(MakePacket(TwarenLab.Target, TwarenLab.SecondGateway.HardwareAddress, lab.Outside.Address));
        },
        () => Aggregation(lab, Insertion.Reactive) >= AggregationOnPackets,
        "packets have brought the nine entries of Figure 5 that name no machine");

    /// <summary>The tables are full: VM-S and R go on as before. What the machine has to do besides can lose packets, so there are several attempts.</summary>
    private static void CarryTraffic(ScenarioRun run, TwarenLab lab, int count)
    {
        int perSecond = run.Get(TwarenParameters.FullRate);
        int length = TwarenSteps.PayloadOf(run);
        int capacity = TwarenSteps.CapacityFor(perSecond, run.Get(TwarenParameters.Duration));
        TwarenSteps.Reach(run, lab.MovedHost, lab.Neighbour.Address, $"R with {count} machines' flows");
        var attempts = new List<(int Lost, int Sent)>();
        do
        {
            ushort port = (ushort)(FirstPort + attempts.Count);
            UdpStream[] streams =
            [
                run.Own(UdpStream.Start(lab.MovedSender, lab.Neighbour, port, perSecond, length, capacity: capacity)),
                run.Own(UdpStream.Start(lab.Neighbour, lab.MovedHost, port, perSecond, length, capacity: capacity)),
            ];
            TwarenSteps.WaitDuration(run);
            StreamSummary[] summaries = [.. streams.Select(stream => stream.Stop())];
            attempts.Add((summaries.Sum(summary => summary.Lost), summaries.Sum(summary => summary.Sent)));
        }
        while (attempts[^1].Lost > 0 && attempts.Count < MostAttempts);
        run.CheckTime(
            $"with {count} machines' flows on all switches, VM-S and R, {perSecond} packets a second each way", $"0 lost in one of {MostAttempts} attempts",
            string.Join(", ", attempts.Select(attempt => $"{attempt.Lost} of {attempt.Sent} lost")), attempts[^1].Lost == 0);
    }

    /// <returns>Controller 2's, in advance and on demand.</returns>
    private static (int InAdvance, int OnDemand) CountTable3(ScenarioRun run, TwarenLab lab, TwarenWires wires, IReadOnlyList<TwarenMachine> machines)
    {
        int count = machines.Count;
        TwarenController controller = lab.Controllers[2];
        controller.Clear(TwarenLab.SecondAccessId);
        controller.Push(TwarenFlows.ShortcutInAdvance(machines));
        TwarenSteps.Settle(run, lab);
        int arrived = controller.Arrived.Count;
        int before = TwarenSteps.CountEntries(lab.SecondAccess, Insertion.Proactive);
        void Send(TwarenMachine machine, ushort port) =>
            lab.MovedSender.SendFrame(MakePacket(machine, TwarenLab.FirstGateway.HardwareAddress, lab.TargetHost.Address, port));
        int OnDemand() => TwarenSteps.CountEntries(lab.SecondAccess, Insertion.OnDemand);
        InBatches(machines, machine => Send(machine, FirstPacket), (act, done) => run.Insist(act, () => OnDemand() >= done, $"{done} machines have flows on demand"));
        wires.Drain();
        int known = controller.Arrived.Count;
        int delivered = wires.Delivered.Total;
        InBatches(machines, machine => Send(machine, SecondPacket), (act, done) => run.Insist(
            act, () => wires.Delivered.Total - delivered >= done, $"second packets of {done} machines are at VM-T"));
        TwarenSteps.Settle(run, lab);
        int demanded = OnDemand();
        // First packets that were sent again may come after the flow.
        int later = controller.Arrived.Skip(arrived).Count(packet => packet.SourcePort == SecondPacket && packet.Destination == TwarenLab.Target.Address);
        run.Figure($"Table 3, N = {count}: proactive and on-demand flows of controller 2", $"N+1, N: {count + 1}, {count}", $"{before}, {demanded}");
        run.Check(
            $"flow counts of Table 3 with {Describe(count)}; second packets do not reach the controller", $"{count + 1} and {count}, 0 second packets",
            $"{before} and {demanded}, {later} second packets, {known - arrived} first", before == count + 1 && demanded == count && later == 0);
        return (before, demanded);
    }

    private static void InBatches(IReadOnlyList<TwarenMachine> machines, Action<TwarenMachine> send, Action<Action, int> insist)
    {
        int done = 0;
        foreach (TwarenMachine[] batch in machines.Chunk(AtOnce))
        {
            done += batch.Length;
            insist(() => Array.ForEach(batch, machine => send(machine)), done);
        }
    }

    private static string Describe(int machines) => machines == 1 ? "VM-S alone" : $"{machines} machines";

    private static TwarenController OwnerOf(TwarenLab lab, ulong datapathId) => lab.Controllers.First(controller => controller.Find(datapathId) != null);

    private static int Aggregation(TwarenLab lab, Insertion insertion) =>
        TwarenSteps.CountEntries(lab.FirstAggregation, insertion) + TwarenSteps.CountEntries(lab.SecondAggregation, insertion);

    private static byte[] Ask(TwarenMachine machine, Be32 target) =>
        new ArpMessage(ArpMessage.Request, machine.HardwareAddress, machine.Address, default, target).ToFrame(MacAddress.Broadcast);

    /// <summary>A UDP packet to a port on which no program listens.</summary>
    private static byte[] MakePacket(TwarenMachine from, MacAddress next, Be32 to, ushort port = FirstPacket)
    {
        const ushort discard = 9;
        byte[] frame = new byte[FlowHeaders.MinFrame];
        new FlowHeaders(from.HardwareAddress.Value, next.Value, IpProtocol.Udp, from.Address.Host, to.Host, port, discard).Write(frame);
        return frame;
    }

    /// <summary>The access switches' tables, of which entries count that name a machine they are for: R and the gateways have theirs for ARP too.</summary>
    private sealed class Tables(TwarenLab lab, IReadOnlyList<TwarenMachine> first, IReadOnlyList<TwarenMachine> second)
    {
        private readonly HashSet<MacAddress> _first = [.. first.Select(machine => machine.HardwareAddress)];
        private readonly HashSet<MacAddress> _second = [.. second.Select(machine => machine.HardwareAddress)];

        /// <summary>The machines of controllers 0 and 1.</summary>
        public IReadOnlyList<TwarenMachine> First => first;

        /// <summary>The machines of controller 2.</summary>
        public IReadOnlyList<TwarenMachine> Second => second;

        public int CountFirst(Insertion insertion, Func<FlowMatch, bool>? filter = null) => Count(lab.FirstAccess, _first, insertion, filter);

        public int CountSecond(Insertion insertion, Func<FlowMatch, bool>? filter = null) => Count(lab.SecondAccess, _second, insertion, filter);

        /// <summary>Whether as many of the machines as there are, and no more than this, have reactive entries.</summary>
        public bool Have(int done, Func<FlowMatch, bool> filter) =>
            CountFirst(Insertion.Reactive, filter) >= Math.Min(done, first.Count) && CountSecond(Insertion.Reactive, filter) >= Math.Min(done, second.Count);

        private static int Count(LabSwitch device, HashSet<MacAddress> machines, Insertion insertion, Func<FlowMatch, bool>? filter) =>
            TwarenSteps.CountEntries(device, insertion, match => (filter?.Invoke(match) ?? true) && (machines.Contains(match.DlDst) || machines.Contains(match.DlSrc)));
    }
}
