using System.Diagnostics;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Lab;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>Counts what becomes of ARP frames at a virtual switch: all of them are packet-ins up to the limit of packet-ins, and counted beyond it.</summary>
internal sealed class ArpUpload(ScenarioRun run, L3MigLab lab)
{
    // Below what the limit lets through at once (2,500 by default), in groups that the port's queue for packet-ins holds.
    private const int Few = 1000;
    private const int Group = 25;

    private readonly byte[] _request =
        new ArpMessage(ArpMessage.Request, lab.Peer.HardwareAddress, lab.Peer.Address, default, lab.Machine.Address).ToFrame(MacAddress.Broadcast);

    public void Judge()
    {
        ArpCounts few = Count(SendInGroups, leastReplies: Few);
        run.Check(
            "all ARP frames arrive as packet-ins up to the limit", $"{few.Seen} of {few.Seen}", $"{few.PacketIns} of {few.Seen}",
            few.Seen >= Few && few.PacketIns == few.Seen && few.Refused == 0);
        run.Check("the local controller answers every request", $"{Few}", $"{few.Replies}", few.Replies >= Few);
        int flood = run.Get(L3MigParameters.ArpFrames);
        long began = Stopwatch.GetTimestamp();
        ArpCounts many = Count(_ => Send(flood), leastReplies: 0);
        run.Record(L3MigMeasures.FloodPacketIns, many.PacketIns);
        run.Record(L3MigMeasures.FloodRefused, many.Refused);
        run.Figure(
            "ARP frames as fast as they can be sent", "none given",
            $"{flood} in {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s: {many.PacketIns} packet-ins, {many.Refused} counted beyond the limit, {many.Missed} lost before the table and counted");
        // The peer's kernel may have asked for something too.
        run.Check(
            "beyond the limit every ARP frame is a packet-in or counted", $"{flood} or more", $"{many.PacketIns} + {many.Refused} + {many.Missed}",
            many.Refused > 0 && many.PacketIns + many.Refused == many.Seen && many.Seen + many.Missed >= flood);
    }

    private void Send(int frames)
    {
        for (int i = 0; i < frames; i++)
        {
            lab.Peer.SendFrame(_request);
        }
    }

    private void SendInGroups(ArpCounts before)
    {
        for (int sent = Group; sent <= Few; sent += Group)
        {
            Send(Group);
            run.WaitUntil(() => (Read() - before).PacketIns >= sent, "ARP frames arrive at the controller");
        }
    }

    /// <param name="send">Sends, given what was counted before.</param>
    /// <param name="leastReplies">Replies that the peer has to get, at least.</param>
    private ArpCounts Count(Action<ArpCounts> send, int leastReplies)
    {
        using WireTap tap = WireTap.Open(lab.Peer, lab.Peer.CurrentInterface, path: null);
        FrameCount replies = tap.Count("ARP replies", (in frame) => !frame.IsOutgoing && frame.Type == EtherType.Arp);
        ArpCounts before = Read();
        send(before);
        ArpCounts found = before;
        int quiet = 0;
        run.WaitUntil(
            () =>
            {
                ArpCounts now = Read() - before;
                quiet = now == found && now.Seen == now.PacketIns + now.Refused ? quiet + 1 : 0;
                found = now;
                run.Wait(TimeSpan.FromMilliseconds(50));
                return quiet >= 4; // nothing is under way any more
            },
            "every ARP frame is accounted for");
        run.Await(() => replies.Total >= leastReplies);
        return found with { Replies = replies.Total };
    }

    private ArpCounts Read()
    {
        SnapshotFlow entry = lab.NearSwitch.TakeSnapshot().Flows.Single(flow => flow.Match.Contains("arp", StringComparison.Ordinal));
        long refused = ReadRefused();
        return new ArpCounts((long)entry.Packets, lab.Near.CountArps(lab.NearSwitch.DatapathId), refused, ReadDropped() - refused);
    }

    /// <summary>The peer's port's rx_dropped: what it lost for want of room in its ring, and what did not go to the controller.</summary>
    private long ReadDropped()
    {
        using (lab.NearSwitch.Host.Control.EnterWithoutTable())
        {
            lab.NearSwitch.Host.Control.Ports.TryRead(L3MigLab.PeerAt, out PortStatistics port);
            return (long)port.ReceiveDropped;
        }
    }

    /// <summary>A port's queue of packet-ins is full because the limit holds them back, or because a flood is quicker than the control thread.</summary>
    private long ReadRefused()
    {
        using (lab.NearSwitch.Host.Control.EnterWithoutTable())
        {
            PacketAccounting accounts = lab.NearSwitch.Host.Control.Accounts;
            return accounts.ReadDrops(DropReason.PacketInLimit) + accounts.ReadDrops(DropReason.PacketInQueueFull);
        }
    }

    /// <param name="Seen">By the switch's entry for ARP.</param>
    /// <param name="PacketIns">At the controller.</param>
    /// <param name="Refused">Counted as beyond what goes to controllers.</param>
    /// <param name="Missed">Lost before the table, and counted.</param>
    private sealed record ArpCounts(long Seen, long PacketIns, long Refused, long Missed)
    {
        public int Replies { get; init; }

        public static ArpCounts operator -(ArpCounts a, ArpCounts b) => new(a.Seen - b.Seen, a.PacketIns - b.PacketIns, a.Refused - b.Refused, a.Missed - b.Missed);
    }
}
