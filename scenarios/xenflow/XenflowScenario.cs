using System.Text.Json.Nodes;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>XenFlow: a virtual router's routing table becomes exact flows on demand, and its flows move between two machines without loss.</summary>
internal sealed class XenflowScenario : Scenario
{
    private const double LineRate = 1.488e6; // 64-byte frames a second at 1 Gbit/s

    public override string Name => "xenflow";

    public override string Paper => "Mattos et al., XenFlow: Um Sistema de Processamento de Fluxos Robusto e Eficiente para Migração em Redes Virtuais, SBRC 2011";

    public override string Summary =>
        "Two machines in parallel between a sender and a receiver, a link switch on either side. The kernel's routing table of a virtual router becomes exact flows on demand; "
        + "a thousand of them move from one machine to the other under traffic: make before break, and break before make for comparison. "
        + "Interfaces come and go meanwhile, and a slice keeps its band.";

    public override string WithGuests =>
        "No machine moves here, only flows: the virtual router's data plane is in the switches and stays there, in hardware's place, and its control plane is a routing table that is "
        + "read from outside. So there is no guest, and it runs as it is.";

    public override void Run(ScenarioRun run)
    {
        XenflowLab lab = run.Own(new XenflowLab(run.Lab));
        run.WaitUntil(() => lab.Controller.Switches.Count == 4, "four switches are connected");
        lab.Introduce(run);
        run.Say("four switches are connected, and the virtual router's kernel knows its neighbours");
        int flows = run.Scale(1000, 200);
        RouteOnDemand(run, lab, flows);
        run.KeepTable(lab.Here, "before");
        new XenflowMigrations(run, lab, flows).Run();
        run.KeepTable(lab.Here, "after");
        XenflowPortChanges.Run(run, lab, flows);
        XenflowSlice.Run(run, lab);
        ChangeRoute(run, lab);
        CheckRate(run);
    }

    /// <summary>Every flow's first packet goes to the controller, and on from there; what it installs is exact.</summary>
    private static void RouteOnDemand(ScenarioRun run, XenflowLab lab, int flows)
    {
        WireTap tap = run.Tap(lab.Receiver, lab.Receiver.CurrentInterface);
        Be32 to = LabText.Address("198.19.0.1");
        FrameCount arrived = tap.Count("to the network behind the next hop", (in frame) => frame.NetworkDestination == to);
        FrameCount right = tap.Count("with the next hop's hardware address", (in frame) => frame.NetworkDestination == to && frame.Destination == XenflowLab.NextHop);
        using var traffic = new XenflowTraffic(lab, frameLength: 60, flows, most: 1 << 20);
        // Each flow twice, slowly: packets that wait for a controller that is not let run fill their queue.
        XenflowTrial trial = traffic.Send(rate: 250, packets: 2L * flows, run.Cancellation);
        tap.Drain();
        run.EndTap(lab.Receiver, lab.Receiver.CurrentInterface);
        run.Say($"{trial.Offered} packets of {flows} flows that nobody had entries for: {trial.PacketIns} went to the controller, {trial.Lost} were lost");
        run.Result.Add("onDemand", trial.ToJson());
        int exact = XenflowLab.CountExact(lab.Here).Flows;
        run.Check("each flow has an entry of all twelve fields, made for its first packet", $"{flows}", $"{exact}", exact == flows);
        run.CheckTime("no first packet is lost on its way by the controller", "0", $"{trial.Lost} of {trial.Offered}, {trial.PacketIns} by the controller", trial.Lost == 0);
        run.Check(
            "packets have the next hop's hardware address", $"{arrived.Total} of {arrived.Total}", $"{right.Total} of {arrived.Total}", arrived.Total > 0 && right.Total == arrived.Total);
    }

    /// <summary>A route that changes in the virtual router's kernel changes the way of packets whose flows were there.</summary>
    private static void ChangeRoute(ScenarioRun run, XenflowLab lab)
    {
        var other = new MacAddress(0x0200_0000_0005);
        Be32 otherAddress = LabText.Address("198.20.0.2");
        Be32 to = LabText.Address("198.19.0.1");
        WireTap tap = run.Tap(lab.Link2, LabSwitch.InterfaceOf(1));
        FrameCount moved = tap.Count("with the new next hop's hardware address", (in frame) => frame.NetworkDestination == to && frame.Destination == other);
        lab.Receiver.SendFrame(new ArpMessage(ArpMessage.Request, other, otherAddress, default, LabText.Address("198.20.0.254")).ToFrame(MacAddress.Broadcast));
        lab.Router.Links.AddRoute(to, 32, otherAddress);
        run.WaitUntil(() => lab.Controller.Table?.Find(to)?.HardwareAddress == other, "the controller has the new route");
        using var traffic = new XenflowTraffic(lab, frameLength: 60, flows: 10, most: 1 << 20);
        XenflowTrial trial = traffic.Send(rate: 500, packets: 100, run.Cancellation);
        tap.Drain();
        run.Check(
            "a narrower route in the router's kernel changes the next hop of flows that there were", $"{trial.Offered} of {trial.Offered}, 0 lost",
            $"{moved.Total} of {trial.Offered}, {trial.Lost} lost", moved.Total == trial.Offered && trial.Lost == 0);
    }

    /// <summary>64-byte frames of a thousand exact flows from memory on one core, while a hundred thousand flow-mods a second come: interfaces of namespaces do not carry the line rate.</summary>
    private static void CheckRate(ScenarioRun run)
    {
        string seconds = run.Options.Small ? "0.4" : "2";
        JsonObject churn = ScenarioBench.Run(run.Cancellation, "churn", "--flows", "1000", "--rate", "100000", "--seconds", seconds);
        double rate = 1e6 * churn["mpps"]!.GetValue<double>();
        long lost = churn["lost"]!.GetValue<long>();
        run.Figure("64-byte frames of 1,000 flows while entries come and go, one core, from memory", "none given (1 Gbit/s ports)", $"{rate / 1e6:0.0} Mpps, {lost} lost");
        run.CheckTime(
            "1,000 flows at the line rate of 1 Gbit/s on one core while 100,000 entries a second come and go, from memory", $"{LineRate / 1e6:0.000} Mpps, 0 lost",
            $"{rate / 1e6:0.0} Mpps, {lost} lost", rate >= LineRate && lost == 0);
    }
}
