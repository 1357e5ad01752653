using Softswitch.Datapath.Headers;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>XenFlow: a virtual router's routing table becomes exact flows on demand, and its flows move between two machines without loss.</summary>
internal sealed class XenflowScenario : Scenario
{
    private const double FirstPackets = 250; // a second, unless it is said

    public override string Name => "xenflow";

    public override string Paper => "Mattos et al., XenFlow: Um Sistema de Processamento de Fluxos Robusto e Eficiente para Migração em Redes Virtuais, SBRC 2011";

    public override string Summary =>
        "Two machines in parallel between a sender and a receiver, a link switch on either side. The kernel's routing table of a virtual router becomes exact flows on demand; "
        + "a thousand of them move from one machine to the other under traffic: make before break, and break before make for comparison. "
        + "Interfaces come and go meanwhile, and a slice keeps its band.";

    public override string WithGuests =>
        "No machine moves here, only flows: the virtual router's data plane is in the switches and stays there, in hardware's place, and its control plane is a routing table that is "
        + "read from outside. So there is no guest, and it runs as it is.";

    public override IReadOnlyList<Parameter> Parameters => XenflowParameters.Every;

    public override IReadOnlyList<Measure> Measures => XenflowMeasures.All;

    public override IReadOnlyList<PaperFigure> PaperFigures => XenflowMeasures.PaperFigures;

    public override void Check(ParameterValues values, ScenarioOptions options)
    {
        values.CheckPart(XenflowParameters.Part, XenflowParameters.MattersTo);
        string part = values.Get(XenflowParameters.Part);
        CommonParameters.Check(values, options);
        string backend = values.Get(CommonParameters.Backend);
        if (backend == CommonParameters.VhostUser)
        {
            throw new OptionException($"{CommonParameters.Backend.Key}: '{backend}' is a guest's cable, and nobody here is a guest");
        }
        // Interfaces of the router move from one switch to the other, and others come and go.
        if (part is XenflowParameters.All or XenflowParameters.Ports)
        {
            RefuseFixedPorts(values, CommonParameters.Backend, CommonParameters.Tap);
            RefuseFixedPorts(values, CommonParameters.Device, CommonParameters.Card);
        }
        if (values.Get(XenflowParameters.Size) is { } size && size != Math.Floor(size))
        {
            string found = values.TextOf(XenflowParameters.Size);
            throw new OptionException($"{XenflowParameters.Size.Key}: '{found}' is not allowed; it is a whole number of bytes");
        }
    }

    private static void RefuseFixedPorts(ParameterValues values, Parameter<string> parameter, string kind)
    {
        if (values.Get(parameter) == kind)
        {
            string part = $"{XenflowParameters.Part.Key}={values.Get(XenflowParameters.Part)}";
            throw new OptionException($"{parameter.Key}: '{kind}' does not go with {part}: its ports do not go from switch to switch");
        }
    }

    public override void Run(ScenarioRun run)
    {
        if (run.Get(XenflowParameters.Part) != XenflowParameters.Memory)
        {
            RunLab(run);
        }
        if (run.Includes(XenflowParameters.Memory))
        {
            XenflowRates.MeasureFromMemory(run);
        }
    }

    private static void RunLab(ScenarioRun run)
    {
        XenflowLab lab = run.Own(new XenflowLab(run.Lab));
        run.WaitUntil(() => lab.Controller.Switches.Count == 4, "four switches are connected");
        lab.Introduce(run);
        run.Say("four switches are connected, and the virtual router's kernel knows its neighbours");
        if (run.Includes(XenflowParameters.FirstPackets))
        {
            RouteOnDemand(run, lab);
            run.KeepTable(lab.Here, "before");
        }
        if (run.Includes(XenflowParameters.Moves))
        {
            new XenflowMigrations(run, lab).Run();
            run.KeepTable(lab.Here, "after");
        }
        if (run.Includes(XenflowParameters.Ports))
        {
            XenflowPortChanges.Run(run, lab);
        }
        if (run.Includes(XenflowParameters.Slice))
        {
            XenflowSlice.Run(run, lab);
        }
        if (run.Includes(XenflowParameters.Route))
        {
            ChangeRoute(run, lab);
        }
        if (run.Get(XenflowParameters.Part) == XenflowParameters.Rates)
        {
            XenflowRates.Search(run, lab); // what the moves do first
        }
    }

    /// <summary>Every flow's first packet goes to the controller, and on from there; what it installs is exact.</summary>
    private static void RouteOnDemand(ScenarioRun run, XenflowLab lab)
    {
        int flows = run.Get(XenflowParameters.Flows);
        PacketSize size = PacketSize.Of(run)[0];
        double? rate = run.Get(XenflowParameters.Rate);
        WireTap tap = run.Tap(lab.Receiver, lab.Receiver.CurrentInterface);
        Be32 to = AddressLiterals.Address("198.19.0.1");
        FrameCount arrived = tap.Count("to the network behind the next hop", (in frame) => frame.NetworkDestination == to);
        FrameCount right = tap.Count("with the next hop's hardware address", (in frame) => frame.NetworkDestination == to && frame.Destination == XenflowLab.NextHop);
        using var traffic = new XenflowTraffic(lab, size.FrameLength, flows, most: 1 << 20);
        bool inAdvance = run.Get(XenflowParameters.Insertion) == CommonParameters.Proactive;
        if (inAdvance)
        {
            traffic.Insert(run);
        }
        // Each flow twice, slowly: packets that wait for a controller that is not let run fill their queue.
        double slowly = Math.Min(FirstPackets, size.MostOver(run.Get(CommonParameters.LinkRate)) / 2);
        XenflowTrial trial = traffic.Send(rate ?? slowly, packets: 2L * flows, run.Cancellation);
        tap.Drain();
        run.EndTap(lab.Receiver, lab.Receiver.CurrentInterface);
        string kind = inAdvance ? "flows with entries" : "flows that nobody had entries for";
        run.Say($"{trial.Offered} packets of {flows} {kind}: {trial.PacketIns} went to the controller, {trial.Lost} were lost");
        run.Result.Add("onDemand", trial.ToJson());
        if (run.Get(XenflowParameters.Part) == XenflowParameters.FirstPackets)
        {
            XenflowMeasures.Record(run, [trial]);
        }
        // Faster than the controller takes them, first packets of some flows are lost, both of them.
        int exact = XenflowLab.CountExact(lab.Here).Flows;
        string way = inAdvance ? "in advance" : "for its first packet";
        run.Check($"each flow has an entry of all twelve fields, made {way}", $"{flows}", $"{exact}", exact == flows, isTime: rate != null && !inAdvance);
        if (inAdvance)
        {
            run.Check("no packet goes to the controller", "0", $"{trial.PacketIns}", trial.PacketIns == 0);
        }
        run.CheckTime("no first packet is lost on its way by the controller", "0", $"{trial.Lost} of {trial.Offered}, {trial.PacketIns} by the controller", trial.Lost == 0);
        run.Check(
            "packets have the next hop's hardware address", $"{arrived.Total} of {arrived.Total}", $"{right.Total} of {arrived.Total}", arrived.Total > 0 && right.Total == arrived.Total);
    }

    /// <summary>A route that changes in the virtual router's kernel changes the way of packets whose flows were there.</summary>
    private static void ChangeRoute(ScenarioRun run, XenflowLab lab)
    {
        var other = new MacAddress(0x0200_0000_0005);
        Be32 otherAddress = AddressLiterals.Address("198.20.0.2");
        Be32 to = AddressLiterals.Address("198.19.0.1");
        using var traffic = new XenflowTraffic(lab, frameLength: 60, flows: 10, most: 1 << 20);
        traffic.Fill(run);
        WireTap tap = run.Tap(lab.Link2, LabSwitch.InterfaceOf(1));
        FrameCount moved = tap.Count("with the new next hop's hardware address", (in frame) => frame.NetworkDestination == to && frame.Destination == other);
        byte[] ask = new ArpMessage(ArpMessage.Request, other, otherAddress, default, AddressLiterals.Address("198.20.0.254")).ToFrame(MacAddress.Broadcast);
        lab.Router.Links.AddRoute(to, 32, otherAddress);
        run.Insist(
            () => lab.Receiver.SendFrame(ask), () => lab.Controller.Table?.Find(to)?.HardwareAddress == other, "the controller has the new route",
            XenflowLab.AskInterval);
        run.Settle(lab.Controller.Find(lab.Here.DatapathId)!); // and the switch has no flows of the old one
        XenflowTrial trial = traffic.Send(rate: 500, packets: 100, run.Cancellation);
        tap.Drain();
        run.Check(
            "a narrower route in the router's kernel changes the next hop of flows that there were", $"{trial.Offered} of {trial.Offered}, 0 lost",
            $"{moved.Total} of {trial.Offered}, {trial.Lost} lost", moved.Total == trial.Offered && trial.Lost == 0);
    }
}
