using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>The VM's way back: its copy gets the port that was released, and every packet of it is verified behind each rewrite.</summary>
/// <param name="released">The first copy's port, which the clean-up has freed.</param>
internal sealed class L3MigReturn(ScenarioRun run, L3MigLab lab, ushort released)
{
    private const ushort CopyPort = 49_153;
    private static readonly TimeSpan LongestCopy = TimeSpan.FromMinutes(10);

    public void Run()
    {
        L3MigScenario.FinishChecksums(lab.NearServer, lab.NearServer.CurrentInterface);
        L3MigScenario.FinishChecksums(lab.FarServer, lab.FarServer.CurrentInterface);
        MigrationOrder order = L3MigMove.Order(lab, place: 0, CopyPort);
        L3MigMove.Await(run, lab.Central.PreMigrate(order), "pre-migration is confirmed");
        using L3MigTransfer transfer = StartVerified(order);
        Measure(transfer.Copy);
        transfer.BeginMove(run);
        L3MigMove.Await(run, lab.Central.Migrate(), "migration's entries are confirmed");
        L3MigMoved moved = L3MigMove.Go(run, lab, place: 0);
        if (moved.Figures is { } figures)
        {
            transfer.Judge(run, figures);
            run.Figure(
                "the guest's way back, without sessions", "none given",
                $"{figures.Bytes / 1e6:0.0} MB in {figures.Total.TotalMilliseconds:0} ms, QEMU's downtime {figures.Downtime.TotalMilliseconds:0} ms");
        }
        TcpSummary summary = transfer.End();
        run.Check("the copy back arrives whole", "whole", $"{summary}", summary.IsWhole);
        L3MigMove.Await(run, lab.Central.CleanUp(), "the clean-up is confirmed");
        JudgeTables();
    }

    /// <summary>Starts the copy and lets it run until so many of its packets have been verified.</summary>
    private L3MigTransfer StartVerified(MigrationOrder order)
    {
        int wanted = run.Get(L3MigParameters.Verified);
        using WireTap near = Open(lab.NearServer, lab.NearServer.CurrentInterface);
        using WireTap far = Open(lab.FarServer, lab.FarServer.CurrentInterface);
        using WireTap nearOutside = Open(lab.Network, lab.Network.Interfaces[0]);
        using WireTap farOutside = Open(lab.Network, lab.Network.Interfaces[1]);
        ushort reused = lab.Central.FindPort(order.Copy)!.Value;
        FrameCount asked = farOutside.Count("the reused port's connection requests", (in frame) => frame.IsTcpRequest && frame.DestinationPort == reused);
        FrameCount carried = near.Count(
            "connection requests of the copy", (in frame) => frame.IsTcpRequest && frame.NetworkSource == order.Copy.Source && frame.DestinationPort == order.Copy.DestinationPort);
        ChecksumTally[] tallies =
        [
            Verify(farOutside, "behind gateway 2's six rewrites", L3MigLab.FarSite.PublicAddress),
            Verify(near, "recovered by gateway 1", order.Copy.Source),
            Verify(nearOutside, "behind gateway 1's six rewrites", L3MigLab.NearSite.PublicAddress),
            Verify(far, "recovered by gateway 2", order.Copy.Destination),
        ];
        long began = Stopwatch.GetTimestamp();
        L3MigTransfer transfer = run.Own(new L3MigTransfer(lab, order, place: 0));
        while (Verified(tallies) < wanted && Stopwatch.GetElapsedTime(began) < (run.Options.Small ? ScenarioRun.Patience : LongestCopy))
        {
            run.Wait(TimeSpan.FromMilliseconds(20));
        }
        // A machine that is busy for a second asks again, with nothing lost. Without barriers the connection may be asked for before its entries are there.
        bool areAllCarried = asked.Total > 0 && (carried.Total == asked.Total || !run.Get(L3MigParameters.Barriers));
        run.Check(
            "the released port is in use again at once: the next copy has it, and is carried", $"port {released}, every connection request",
            $"port {reused}, {carried.Total} of {asked.Total}", reused == released && areAllCarried);
        transfer.Copy.Limit(0);
        run.Wait(TimeSpan.FromMilliseconds(200)); // the taps see the last of it
        Judge(tallies, wanted);
        return transfer;
    }

    private void Judge(ChecksumTally[] tallies, long wanted)
    {
        long verified = Verified(tallies);
        long unfinished = tallies.Sum(tally => tally.PartialChecksum);
        int wrong = tallies.Sum(tally => tally.Wrong.Total);
        run.Say($"{verified} packets verified, {wrong} wrong");
        run.Record(L3MigMeasures.VerifiedPackets, verified);
        run.Record(L3MigMeasures.WrongPackets, wrong);
        run.Figure("the copy's packets verified", "none given", string.Join(", ", tallies.Select(tally => $"{tally.Verified} {tally.Name}")));
        run.Check("packets with a wrong IP or TCP checksum among those captured and verified", $"0 of {wanted} or more", $"{wrong} of {verified}", wrong == 0 && verified >= wanted);
        run.Check("packets that could not be verified", "0", $"{unfinished}", unfinished == 0);
    }

    /// <summary>The same copy without captures: each packet of the MTU is rewritten by itself, and every processor has to do with it several times.</summary>
    private void Measure(TcpStream copy)
    {
        copy.Unlimit();
        double rate = L3MigRates.Measure(run, copy, TimeSpan.FromSeconds(run.Options.Small ? 0.3 : 3));
        run.Record(L3MigMeasures.MtuRate, rate / 1e6);
        run.Figure("memory copy in packets of the MTU with finished checksums, one by one through both gateways", "none given", $"{rate / 1e9:0.00} Gbit/s");
    }

    /// <summary>The VM is back and switched off: nothing of it or of copies is left, and every port is free.</summary>
    private void JudgeTables()
    {
        L3MigMove.Await(run, lab.Central.End(lab.Machine.Address), "the VM's sessions have ended");
        L3MigMove.Settle(run, lab);
        int[] left = [.. lab.Gateways.Select(gateway => gateway.TakeSnapshot().Flows.Count(flow => flow.Actions.Contains("mod_nw_", StringComparison.Ordinal)))];
        run.Check("translating entries at the gateways at the end", "0 and 0", string.Join(" and ", left), left.Sum() == 0);
        run.Check("ports free at the end", $"{lab.Ports}", $"{lab.Central.FreePorts}", lab.Central.FreePorts == lab.Ports);
    }

    private static WireTap Open(LabNode node, string interfaceName) => WireTap.Open(node, interfaceName, path: null); // gigabytes are no capture to keep

    private static long Verified(ChecksumTally[] tallies) => tallies.Sum(tally => tally.Verified);

    private static ChecksumTally Verify(WireTap tap, string what, Be32 source) =>
        new(tap, what, (in frame) => frame.Protocol == IpProtocol.Tcp && frame.NetworkSource == source);
}
