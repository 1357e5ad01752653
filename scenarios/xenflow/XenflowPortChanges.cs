using Softswitch.Datapath.Control;
using Softswitch.Lab;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>Interfaces of virtual machines come to and go from a machine whose other ports forward.</summary>
internal static class XenflowPortChanges
{
    private const ushort TapPort = 30;
    private const ushort VifPort = 31;
    private const double Rate = 5000; // unless one is set

    public static void Run(ScenarioRun run, XenflowLab lab)
    {
        int flows = run.Get(XenflowParameters.Flows);
        PacketSize size = PacketSize.Of(run)[0];
        double rate = run.Get(XenflowParameters.Rate) ?? Math.Min(Rate, size.MostOver(run.Get(CommonParameters.LinkRate)) / 2);
        int rounds = run.Scale(20, 3);
        using var traffic = new XenflowTraffic(lab, size.FrameLength, flows, most: Math.Max(1 << 22, (long)(rate * 20)));
        traffic.Fill(run);
        if (lab.Here != lab.Machine1)
        {
            lab.MoveFlows(run, MoveSteps.Whole); // to where the router's interfaces are
        }
        int before = lab.Controller.PortNews.Count;
        XenflowTrial trial = traffic.Run(rate, TimeSpan.FromSeconds(run.Scale(6, 2)), moment: 1.0 / 3, () =>
        {
            ChangePorts(lab.Machine1, rounds);
            lab.MoveInterfaces();
            return lab.MoveFlows(run, MoveSteps.Whole);
        }, run.Cancellation);
        run.WaitUntil(() => Told(lab, before, PortStatusReason.Delete, lab.Machine1, 4) > 0, "the controller is told that the router's interfaces left machine 1");
        int added = Told(lab, before, PortStatusReason.Add, lab.Machine1, TapPort) + Told(lab, before, PortStatusReason.Add, lab.Machine1, VifPort);
        int removed = Told(lab, before, PortStatusReason.Delete, lab.Machine1, TapPort) + Told(lab, before, PortStatusReason.Delete, lab.Machine1, VifPort);
        run.Say($"{added} ports added and {removed} removed on {lab.Machine1.Name} while {trial.Offered} packets passed: {trial.Lost} lost");
        run.Result.Add("ports", trial.ToJson());
        run.Check("each tap and vif port that comes or goes is told by port-status", $"{2 * rounds} added, {2 * rounds} removed", $"{added} added, {removed} removed", added == 2 * rounds && removed == 2 * rounds);
        if (run.Get(XenflowParameters.Part) == XenflowParameters.Ports)
        {
            XenflowMeasures.Record(run, [trial]);
        }
        run.Check(
            $"packets of other ports lost meanwhile, at {rate:0} a second", "0", trial.Lost == 0 ? $"0 of {trial.Offered}" : $"{trial.Lost} of {trial.Offered}: {trial.DescribeLoss()}",
            trial.Lost == 0, isTime: !run.IsUsual());
        int moved = Told(lab, before, PortStatusReason.Add, lab.Machine2, 13) + Told(lab, before, PortStatusReason.Add, lab.Machine2, 14);
        run.Check(
            "the whole router goes from machine 1 to machine 2 meanwhile, its interfaces first, then its flows", $"2 ports, {flows} flows",
            $"{moved} ports, {trial.Move!.Flows.Count} flows", moved == 2 && trial.Move.Flows.Count == flows && lab.Here == lab.Machine2);
    }

    private static int Told(XenflowLab lab, int before, PortStatusReason reason, LabSwitch device, ushort port) =>
        lab.Controller.PortNews.Skip(before).Count(news => news.DatapathId == device.DatapathId && news.Reason == reason && news.Port == port);

    private static void ChangePorts(LabSwitch device, int rounds)
    {
        for (int i = 0; i < rounds; i++)
        {
            device.PlugIn($"{TapPort}=tap:vm{i}");
            device.Links.CreateVethPair($"vif{i}", $"guest{i}");
            device.Links.SetUp($"guest{i}");
            device.Links.SetUp($"vif{i}");
            device.PlugIn($"{VifPort}=packet:vif{i}");
            device.Unplug(TapPort);
            device.Unplug(VifPort);
            device.Links.Delete($"vif{i}");
        }
    }
}
