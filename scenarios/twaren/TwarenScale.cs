using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Twaren;

/// <summary>Tables 3 and 4, and both for a thousand machines: the flows there are in advance and those that packets bring, and what so many of them cost.</summary>
/// <remarks>
/// All machines are at VM-S's place: its host sends their frames. Figure 5's nine entries without a machine are reactive here, as Table 4 counts them.
/// </remarks>
internal static class TwarenScale
{
    private const int FullCount = 1000;
    private const int SmallCount = 50;
    private const int AtOnce = 50;
    private const int AggregationOnPackets = 9;
    private const int MostAttempts = 3;
    private const ushort FirstPort = 7003;
    private const ushort LongArpSeconds = 600; // so that all are there when they are counted

    public static void Run(ScenarioRun run, TwarenLab lab, TwarenWires wires)
    {
        int count = run.Scale(FullCount, SmallCount);
        CountTable4(run, lab, TwarenFlows.MakeMachines(1));
        IReadOnlyList<TwarenMachine> machines = TwarenFlows.MakeMachines(count);
        CountTable4(run, lab, machines);
        CarryTraffic(run, lab, count);
        TwarenRate.Judge(run, machines);
        CountTable3(run, lab, wires, TwarenFlows.MakeMachines(1));
        CountTable3(run, lab, wires, machines);
    }

    private static void CountTable4(ScenarioRun run, TwarenLab lab, IReadOnlyList<TwarenMachine> machines)
    {
        int count = machines.Count;
        Load(run, lab, machines);
        int[] before = [Aggregation(lab, Insertion.Proactive), Access(lab.FirstAccess, Insertion.Proactive, machines), Access(lab.SecondAccess, Insertion.Proactive, machines)];
        SendArp(run, lab, machines);
        SendPackets(run, lab, machines);
        SendToGateways(run, lab);
        TwarenSteps.Settle(run, lab);
        int[] after = [Aggregation(lab, Insertion.Reactive), Access(lab.FirstAccess, Insertion.Reactive, machines), Access(lab.SecondAccess, Insertion.Reactive, machines)];
        run.Figure(
            $"Table 4, K = M = {count}: proactive flows of controllers 0, 1, 2", $"3K+1, K, M: {(3 * count) + 1}, {count}, {count}", string.Join(", ", before));
        run.Figure(
            $"Table 4, K = M = {count}: reactive flows of controllers 0, 1, 2", $"9, 2K, 2M: {AggregationOnPackets}, {2 * count}, {2 * count}", string.Join(", ", after));
        run.Check(
            $"flow counts of Table 4 with {Describe(count)}", $"{(3 * count) + 1}, {count}, {count} and {AggregationOnPackets}, {2 * count}, {2 * count}",
            $"{string.Join(", ", before)} and {string.Join(", ", after)}",
            before.SequenceEqual([(3 * count) + 1, count, count]) && after.SequenceEqual([AggregationOnPackets, 2 * count, 2 * count]));
        if (count > 1)
        {
            run.KeepTable(lab.SecondAggregation, $"with {count} machines");
        }
    }

    private static void Load(ScenarioRun run, TwarenLab lab, IReadOnlyList<TwarenMachine> machines)
    {
        foreach (TwarenController controller in lab.Controllers)
        {
            controller.ArpSeconds = LongArpSeconds;
        }
        foreach (LabSwitch device in run.Lab.Switches)
        {
            OwnerOf(lab, device.DatapathId).Clear(device.DatapathId);
        }
        lab.Controllers[0].Push(TwarenFlows.AggregationInAdvance(machines));
        lab.Controllers[0].Offer(TwarenFlows.AggregationOnPackets(machines));
        foreach (LabSwitch device in new[] { lab.FirstAccess, lab.SecondAccess })
        {
            OwnerOf(lab, device.DatapathId).Push(TwarenFlows.AccessInAdvance(machines).Where(flow => flow.Switch == device.DatapathId));
            OwnerOf(lab, device.DatapathId).Offer(TwarenFlows.AccessOnPackets(machines).Where(flow => flow.Switch == device.DatapathId));
        }
        TwarenSteps.Settle(run, lab);
        run.Say($"flows in advance for {Describe(machines.Count)} are loaded");
    }

    /// <summary>Every machine asks for R's Ethernet address: the answers bring the access switches' entries for its ARP.</summary>
    private static void SendArp(ScenarioRun run, TwarenLab lab, IReadOnlyList<TwarenMachine> machines) => InBatches(
        machines,
        machine => lab.MovedSender.SendFrame(
            new ArpMessage(ArpMessage.Request, machine.HardwareAddress, machine.Address, default, lab.Neighbour.Address).ToFrame(MacAddress.Broadcast)),
        (act, done) => TwarenSteps.Insist(
            run, act, () => CountArp(lab.FirstAccess) >= done && CountArp(lab.SecondAccess) >= done, $"the ARP of {done} machines has its entries on both access switches"));

    /// <summary>Every machine sends R a packet.</summary>
    private static void SendPackets(ScenarioRun run, TwarenLab lab, IReadOnlyList<TwarenMachine> machines) => InBatches(
        machines,
        machine => lab.MovedSender.SendFrame(MakePacket(machine, lab.Neighbour.HardwareAddress, lab.Neighbour.Address)),
        (act, done) => TwarenSteps.Insist(
            run, act, () => CountSent(lab.FirstAccess) >= done && CountSent(lab.SecondAccess) >= done, $"what {done} machines send has its entries on both access switches"));

    /// <summary>What brings the nine: ARP for both gateways, and packets to the outside from VM-S, VM-T and a machine that no entry names.</summary>
    private static void SendToGateways(ScenarioRun run, TwarenLab lab) => TwarenSteps.Insist(
        run,
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
        int perSecond = run.Scale(5000, 1000);
        TwarenSteps.Reach(run, lab.MovedHost, lab.Neighbour.Address, $"R with {count} machines' flows");
        var attempts = new List<(int Lost, int Sent)>();
        do
        {
            ushort port = (ushort)(FirstPort + attempts.Count);
            UdpStream[] streams =
            [
                run.Own(UdpStream.Start(lab.MovedSender, lab.Neighbour, port, perSecond)),
                run.Own(UdpStream.Start(lab.Neighbour, lab.MovedHost, port, perSecond)),
            ];
            run.Wait(TimeSpan.FromSeconds(run.Scale(3, 1)));
            StreamSummary[] summaries = [.. streams.Select(stream => stream.Stop())];
            attempts.Add((summaries.Sum(summary => summary.Lost), summaries.Sum(summary => summary.Sent)));
        }
        while (attempts[^1].Lost > 0 && attempts.Count < MostAttempts);
        run.CheckTime(
            $"with {count} machines' flows on all switches, VM-S and R, {perSecond} packets a second each way", $"0 lost in one of {MostAttempts} attempts",
            string.Join(", ", attempts.Select(attempt => $"{attempt.Lost} of {attempt.Sent} lost")), attempts[^1].Lost == 0);
    }

    private static void CountTable3(ScenarioRun run, TwarenLab lab, TwarenWires wires, IReadOnlyList<TwarenMachine> machines)
    {
        int count = machines.Count;
        TwarenController controller = lab.Controllers[2];
        controller.Clear(TwarenLab.SecondAccessId);
        controller.Push(TwarenFlows.ShortcutInAdvance(machines));
        TwarenSteps.Settle(run, lab);
        int arrived = controller.Arrived.Count;
        int before = TwarenSteps.CountEntries(lab.SecondAccess, Insertion.Proactive);
        Action<TwarenMachine> send = machine => lab.MovedSender.SendFrame(MakePacket(machine, TwarenLab.FirstGateway.HardwareAddress, lab.TargetHost.Address));
        int OnDemand() => TwarenSteps.CountEntries(lab.SecondAccess, Insertion.OnDemand);
        InBatches(machines, send, (act, done) => TwarenSteps.Insist(run, act, () => OnDemand() >= done, $"{done} machines have flows on demand"));
        wires.Drain();
        int known = controller.Arrived.Count;
        int delivered = wires.Delivered.Total;
        InBatches(machines, send, (act, done) => TwarenSteps.Insist(
            run, act, () => wires.Delivered.Total - delivered >= done, $"second packets of {done} machines are at VM-T"));
        TwarenSteps.Settle(run, lab);
        int demanded = OnDemand();
        int later = controller.Arrived.Skip(known).Count(packet => packet.Destination == TwarenLab.Target.Address);
        run.Figure($"Table 3, N = {count}: proactive and on-demand flows of controller 2", $"N+1, N: {count + 1}, {count}", $"{before}, {demanded}");
        run.Check(
            $"flow counts of Table 3 with {Describe(count)}; second packets do not reach the controller", $"{count + 1} and {count}, 0 second packets",
            $"{before} and {demanded}, {later} second packets, {known - arrived} first", before == count + 1 && demanded == count && later == 0);
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

    /// <summary>Entries that name one of the machines: R and the gateways have theirs for ARP too.</summary>
    private static int Access(LabSwitch device, Insertion insertion, IReadOnlyList<TwarenMachine> machines)
    {
        HashSet<MacAddress> addresses = [.. machines.Select(machine => machine.HardwareAddress)];
        return TwarenSteps.CountEntries(device, insertion, match => addresses.Contains(match.DlDst) || addresses.Contains(match.DlSrc));
    }

    private static int CountArp(LabSwitch device) =>
        TwarenSteps.CountEntries(device, Insertion.Reactive, match => match.DlType == EtherType.Arp && IsMachine(match.DlDst));

    private static int CountSent(LabSwitch device) =>
        TwarenSteps.CountEntries(device, Insertion.Reactive, match => match.DlType == EtherType.Ipv4 && IsMachine(match.DlSrc));

    private static bool IsMachine(MacAddress address) => address == TwarenLab.Moved.HardwareAddress || TwarenFlows.IsMade(address);

    private static byte[] Ask(TwarenMachine machine, Be32 target) =>
        new ArpMessage(ArpMessage.Request, machine.HardwareAddress, machine.Address, default, target).ToFrame(MacAddress.Broadcast);

    /// <summary>A UDP packet to a port where nobody listens.</summary>
    private static byte[] MakePacket(TwarenMachine from, MacAddress next, Be32 to)
    {
        const ushort discard = 9;
        byte[] frame = new byte[PacketFields.MinFrame];
        new PacketFields(from.HardwareAddress.Value, next.Value, IpProtocol.Udp, from.Address.Host, to.Host, 1024, discard).Write(frame);
        return frame;
    }
}
