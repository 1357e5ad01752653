using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Workers;
using Softswitch.Laboratory;
using Softswitch.Scenarios.Measuring;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>Counts what becomes of ARP frames at a virtual switch: all of them are packet-ins up to the limit of packet-ins, and counted beyond it.</summary>
internal sealed class ArpUpload(ScenarioRun run, L3MigLab lab)
{
    // Below what the limit lets through at once (2,500 by default).
    private const int Few = 1000;

    public void Judge()
    {
        ArpCounts few = Send(Few);
        run.Check(
            "all ARP frames arrive as packet-ins up to the limit", $"{few.Seen} of {few.Seen}", $"{few.PacketIns} of {few.Seen}",
            few.Seen >= Few && few.PacketIns == few.Seen && few.Refused == 0);
        run.Check("the local controller answers every request", $"{Few}", $"{few.Replies}", few.Replies >= Few);
        ArpCounts many = Send(run.Scale(200_000, 30_000));
        run.Figure("ARP frames at once", "none given", $"{many.Seen} in {many.Seconds:0.0} s: {many.PacketIns} packet-ins, {many.Refused} counted beyond the limit");
        run.Check(
            "beyond the limit every ARP frame is a packet-in or counted", $"{many.Seen}", $"{many.PacketIns} + {many.Refused}",
            many.Refused > 0 && many.PacketIns + many.Refused == many.Seen);
    }

    private ArpCounts Send(int frames)
    {
        using WireTap tap = WireTap.Open(lab.Peer, lab.Peer.CurrentInterface, path: null);
        FrameCount replies = tap.Count("ARP replies", (in frame) => !frame.IsOutgoing && frame.Type == EtherType.Arp);
        byte[] request = new ArpMessage(ArpMessage.Request, lab.Peer.HardwareAddress, lab.Peer.Address, default, lab.Machine.Address).ToFrame(MacAddress.Broadcast);
        ArpCounts before = Read();
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < frames; i++)
        {
            lab.Peer.SendFrame(request);
        }
        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        ArpCounts found = default!;
        int quiet = 0;
        // Settled: nothing under way any more, twice in a row.
        run.WaitUntil(
            () =>
            {
                ArpCounts now = Read() - before;
                quiet = now == found && now.Seen == now.PacketIns + now.Refused ? quiet + 1 : 0;
                found = now;
                run.Wait(TimeSpan.FromMilliseconds(50));
                return quiet >= 4;
            },
            "every ARP frame is accounted for");
        tap.Drain();
        return found with { Replies = replies.Total, Seconds = seconds };
    }

    private ArpCounts Read()
    {
        FlowRow entry = lab.NearSwitch.TakeSnapshot().Flows.Single(flow => flow.Match.Contains("arp", StringComparison.Ordinal));
        return new ArpCounts((long)entry.Packets, lab.Near.CountArps(lab.NearSwitch.DatapathId), ReadRefused());
    }

    private long ReadRefused()
    {
        lock (lab.NearSwitch.Host.Control.Gate)
        {
            return lab.NearSwitch.Host.Control.ReadDrops(DropReason.PacketInLimit);
        }
    }

    /// <param name="Seen">By the switch's entry for ARP.</param>
    /// <param name="PacketIns">At the controller.</param>
    /// <param name="Refused">Counted as beyond the limit.</param>
    private sealed record ArpCounts(long Seen, long PacketIns, long Refused)
    {
        public int Replies { get; init; }

        public double Seconds { get; init; }

        public static ArpCounts operator -(ArpCounts a, ArpCounts b) => new(a.Seen - b.Seen, a.PacketIns - b.PacketIns, a.Refused - b.Refused);
    }
}
