using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.Twaren;

/// <summary>VM migration between campuses over TWAREN: a layer-2 domain by tunnel, and no detour by the old campus for hosts near the new one.</summary>
internal sealed class TwarenScenario : Scenario
{
    private const int MostUnderWay = 100; // fewer than any queue on the way holds

    public override string Name => "twaren";

    public override string Paper => "Cross domain VM migration over TWAREN OpenFlow testbed";

    public override string Summary =>
        "Four switches under three controllers; the aggregation switches of two campuses are joined by a tunnel. VM-S moves to the other campus and keeps its address and "
        + "its gateway, with the flows of the paper's Figures 5 and 6. Its packets to VM-T, now its neighbour, go by both campuses' routers until the flows of Table 2 lead them straight.";

    public override string WithGuests =>
        "VM-S is a QEMU guest with a Linux of its own, and moves by live migration; the flows are loaded when QEMU has moved it. It answers and sends back itself, so streams go there "
        + "and back, and VM-T pings it. Where a thousand machines are needed, and AcS2 becomes a card, a namespace takes the guest's place: it can send others' frames, by a cable that a card can have.";

    public override IReadOnlyList<Parameter> Parameters => TwarenParameters.List;

    public override IReadOnlyList<Measure> Measures => TwarenMeasures.List;

    public override IReadOnlyList<PaperFigure> PaperFigures => TwarenMeasures.Figures;

    public override void Check(ParameterValues values, ScenarioOptions options) => TwarenParameters.Check(values, options);

    public override void Run(ScenarioRun run)
    {
        string part = run.Get(TwarenParameters.Part);
        if (part == TwarenParameters.Rates)
        {
            TwarenRate.Judge(run);
        }
        else if (part == TwarenParameters.Networks)
        {
            TwarenNetworks.Run(run);
        }
        else
        {
            RunCampuses(run, part);
        }
    }

    /// <summary>The paper's two.</summary>
    private static void RunCampuses(ScenarioRun run, string part)
    {
        bool isWhole = part == TwarenParameters.All;
        var lab = new TwarenLab(run);
        run.WaitUntil(() => lab.Controllers.Sum(controller => controller.Switches.Count) == 4, "four switches are connected");
        run.Say("four switches are connected to their three controllers");
        ReachAll(run, lab);
        run.KeepTable(lab.SecondAccess, "before the move");
        TwarenMove.Run(run, lab);
        if (isWhole || part == TwarenParameters.Paths)
        {
            CheckDelivery(run, lab);
            // With entries that come with packets, the first packet decides which of 2013 and 2015 there is.
            if (TwarenMove.InsertionOf(run) == Insertion.Proactive)
            {
                CheckGateway(run, lab);
                CheckAsPrinted(run, lab);
            }
        }
        if (isWhole || part == TwarenParameters.Shortcut)
        {
            var wires = new TwarenWires(run, lab);
            StreamSummary around = MeasureTriangle(run, lab, wires);
            run.KeepTable(lab.SecondAccess, "before flow1 and flow2");
            TwarenShortcut.Run(run, lab, wires, around);
            if (isWhole)
            {
                wires = lab.StandIn(run) ? new TwarenWires(run, lab) : wires;
                TwarenScale.Run(run, lab, wires);
                TwarenShortcut.RunOnCard(run, lab, wires, around);
            }
        }
        if (part == TwarenParameters.Tables)
        {
            lab.StandIn(run);
            TwarenScale.Run(run, lab, new TwarenWires(run, lab));
        }
        TwarenSteps.JudgeRefusals(run, lab.Controllers);
    }

    /// <summary>Nothing is loaded yet: the controllers bridge.</summary>
    private static void ReachAll(ScenarioRun run, TwarenLab lab)
    {
        TwarenSteps.Reach(run, lab.MovedHost, lab.Neighbour.Address, "R");
        TwarenSteps.Reach(run, lab.MovedHost, lab.Outside.Address, "W");
        TwarenSteps.Reach(run, lab.MovedHost, lab.TargetHost.Address, "VM-T");
        run.Say("VM-S, at AcS1, has reached R, W and VM-T");
    }

    private static void CheckDelivery(ScenarioRun run, TwarenLab lab)
    {
        LabSwitch[] access = [lab.FirstAccess, lab.SecondAccess];
        int[] before = [.. access.Select(CountRemovedArp)];
        lab.MovedHost.ForgetNeighbours();
        lab.Neighbour.ForgetNeighbours();
        TwarenSteps.Reach(run, lab.MovedHost, lab.Neighbour.Address, "R from campus 2");
        TwarenSteps.Reach(run, lab.MovedHost, lab.Outside.Address, "W from campus 2");
        int[] arp = [];
        // They live for seconds, which a busy machine may have taken to reach both.
        bool areThere = run.Await(() => (arp = [.. access.Zip(before, (device, gone) => CountArp(device) + CountRemovedArp(device) - gone)]).All(count => count > 0));
        run.Check("ARP at the access switches got reactive entries", "some on AcS1 and AcS2", $"{arp[0]} and {arp[1]}", areThere);
        int lost = Deliver(run, "scenario 2", lab.MovedHost, lab.Neighbour, 7001) + Deliver(run, "scenario 3", lab.MovedHost, lab.Outside, 7002);
        run.Record(TwarenMeasures.Undelivered, lost);

        int CountArp(LabSwitch device) => TwarenSteps.CountEntries(device, Insertion.Reactive, match => match.DlType == EtherType.Arp);

        int CountRemovedArp(LabSwitch device) => lab.Controllers.SelectMany(controller => controller.Removed)
            .Count(one => one.Switch == device.DatapathId && one.Match.DlType == EtherType.Arp);
    }

    /// <summary>A guest sends back what the other sends, at a rate that emulation keeps up with.</summary>
    /// <returns>Packets lost.</returns>
    private static int Deliver(ScenarioRun run, string what, IMobileHost one, LabHost other, ushort port)
    {
        int perSecond = run.Get(TwarenParameters.Rate);
        int length = TwarenSteps.PayloadOf(run);
        int capacity = TwarenSteps.CapacityFor(perSecond, run.Get(TwarenParameters.Duration));
        int most = TwarenParameters.LoadIsSet(run.Values) ? int.MaxValue : MostUnderWay;
        List<UdpStream> streams = [run.Own(UdpStream.Start(other, one, port, perSecond, length, capacity: capacity, mostUnderWay: most))];
        if (one is LabHost sender)
        {
            streams.Add(run.Own(UdpStream.Start(sender, other, port, perSecond, length, capacity: capacity, mostUnderWay: most)));
        }
        TwarenSteps.WaitDuration(run);
        StreamSummary[] summaries = [.. streams.Select(stream => stream.Stop())];
        int sent = summaries.Sum(summary => summary.Sent);
        int lost = summaries.Sum(summary => summary.Lost);
        TwarenSteps.CheckLoss(
            run,
            $"{what}: {one.Name} and {other.Name} with Figures 5 and 6 loaded, UDP both ways", "100 % delivered",
            $"{sent - lost} of {sent}, {summaries.Sum(summary => summary.Duplicates)} twice", lost == 0 && sent > 0);
        return lost;
    }

    /// <summary>2013 and 2015 both match VM-S's packets to its gateway's own address. The one installed first is to win: 2013, to the gateway.</summary>
    private static void CheckGateway(ScenarioRun run, TwarenLab lab)
    {
        ulong before = PacketsOf(lab.FirstAggregation, TwarenFlows.Find(TwarenFlows.Figure5, "2015"));
        TwarenSteps.PingOnce(lab.MovedHost, TwarenLab.FirstGateway.Address, "its gateway");
        ulong after = PacketsOf(lab.FirstAggregation, TwarenFlows.Find(TwarenFlows.Figure5, "2015"));
        run.Check("2013 and 2015 overlap at equal priority for VM-S's packets to CR1 itself: the earlier wins", "answered, 0 packets by 2015", $"answered, {after - before} packets by 2015", after == before);
    }

    /// <summary>2024 as printed: the reply to VM-S's ARP would have to leave by the port it came in on.</summary>
    private static void CheckAsPrinted(ScenarioRun run, TwarenLab lab)
    {
        StaticFlow printed = TwarenFlows.Find(TwarenFlows.Figure5AsPrinted, "2024");
        lab.Controllers[0].Push(TwarenFlows.Read(TwarenFlows.Figure5AsPrinted));
        TwarenSteps.Settle(run, lab);
        long before = lab.SecondAggregation.Host.Control.Accounts.ReadDrops(DropReason.OutputToIngress);
        lab.MovedHost.ForgetNeighbours();
        lab.MovedHost.Ping(TwarenLab.FirstGateway.Address, TimeSpan.Zero); // no answer can come
        run.WaitUntil(() => PacketsOf(lab.SecondAggregation, printed) > 0, "2024 meets the reply to VM-S's ARP");
        ulong met = PacketsOf(lab.SecondAggregation, printed);
        long dropped = 0;
        // A packet is counted at its entry first, and then where it is dropped.
        run.Await(() => (dropped = lab.SecondAggregation.Host.Control.Accounts.ReadDrops(DropReason.OutputToIngress) - before) >= (long)met);
        MacAddress? known = lab.MovedHost.FindNeighbour(TwarenLab.FirstGateway.Address);
        run.Say($"2024 as printed: {dropped} ARP replies from CR1 dropped at AgS2, {nameof(DropReason.OutputToIngress)}");
        run.Check(
            "2024 as printed outputs to the port the packet came in on: dropped with that reason, and VM-S does not know its gateway",
            "every packet of 2024", $"{dropped} {nameof(DropReason.OutputToIngress)} of {met}, VM-S knows {known?.ToString() ?? "nobody"}", dropped > 0 && dropped >= (long)met && known == null);
        lab.Controllers[0].Push(TwarenFlows.Read(TwarenFlows.Figure5));
        TwarenSteps.Settle(run, lab);
        lab.MovedHost.ForgetNeighbours();
        TwarenSteps.Reach(run, lab.MovedHost, TwarenLab.FirstGateway.Address, "its gateway with 2024 corrected");
    }

    /// <summary>VM-S and VM-T are at one switch now, and speak by the tunnel and both routers.</summary>
    private static StreamSummary MeasureTriangle(ScenarioRun run, TwarenLab lab, TwarenWires wires)
    {
        TwarenSteps.Reach(run, lab.MovedHost, lab.TargetHost.Address, "VM-T by way of campus 1");
        wires.Drain();
        long start = run.Say("VM-S pings VM-T, without Table 2");
        PingStream pings = run.Own(TwarenSteps.StartPings(run, lab));
        TwarenSteps.WaitDuration(run);
        StreamSummary summary = pings.Stop();
        wires.Drain();
        int tunnel = wires.OnTunnel.After(start);
        int gateway = wires.AtGateway.After(start);
        TwarenSteps.CheckLoss(
            run,
            "before Table 2 each ping and each answer crosses the tunnel and CR2: the triangle route", $"{2 * summary.Sent} and {2 * summary.Sent}", $"{tunnel} and {gateway}",
            summary.Lost == 0 && tunnel == 2 * summary.Sent && gateway == 2 * summary.Sent);
        run.Record(TwarenMeasures.Triangle, summary.MedianDelay.TotalMilliseconds);
        run.Result.Add("triangle", summary.ToJson());
        run.AddDelays("VM-S to VM-T by the triangle route", "round trip", pings);
        return summary;
    }

    private static ulong PacketsOf(LabSwitch device, StaticFlow flow) => device.TakeSnapshot().Flows.Single(row => row.Match == TwarenShortcut.MatchOf(flow)).Packets;
}
