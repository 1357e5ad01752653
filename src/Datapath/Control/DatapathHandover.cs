using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;

namespace Softswitch.Datapath.Control;

/// <summary>
/// What another process needs to go on where this datapath stopped, its flow entries and devices aside. The workers' threads have ended, and the control lock
/// is held, from <see cref="Drain"/> to the end of the process or to workers' new threads.
/// </summary>
internal sealed class DatapathHandover(DatapathControl control, WorkerShared shared, Worker[] workers, FrameCache frames)
{
    // Passes until nothing moves: what is in the switch leaves within a few, and nothing comes in.
    private const int MostDrainPasses = 10_000;

    /// <summary>The ports that another process can go on with.</summary>
    public IEnumerable<(ushort Number, IDeviceHandover Device)> Devices =>
        shared.Ports.Ports.Where(port => port.Device.Handover != null).Select(port => (port.Number, port.Device.Handover!));

    /// <summary>Why another process cannot go on in this one's place; null if it can.</summary>
    public string? Obstacle =>
        control.HasSpanningTree ? "it has a spanning tree, whose ports would begin to listen and learn anew"
        : control.Flows.Offloads.Obstacle is { } obstacle ? obstacle
        : control.Flows.Emergency.InForce ? "its emergency entries are in force: a controller has to connect first"
        : null;

    /// <summary>Whatever is on its way inside the switch goes on to where it waits or leaves, and nothing is received.</summary>
    public void Drain()
    {
        int moved = 1;
        for (int pass = 0; pass < MostDrainPasses && moved > 0; pass++)
        {
            moved = 0;
            foreach (Worker worker in workers)
            {
                moved += worker.DrainOnce();
            }
        }
    }

    /// <summary>Counters, settings and what waits inside. Nothing is changed by it.</summary>
    public void SaveState(BinaryWriter to)
    {
        to.Write((int)DropReason.Count);
        for (DropReason reason = 0; reason < DropReason.Count; reason++)
        {
            to.Write($"{reason}"); // by name: another version has others
        }
        to.Write((byte)control.Pipeline.FragmentHandling);
        to.Write(control.Flows.Done.Length);
        Array.ForEach(control.Flows.Done, to.Write);
        to.Write(control.PacketIns.Delivered);
        WorkerCounters lookups = new();
        Array.ForEach(workers, worker => lookups.Add(worker.Counters));
        OffloadTotals hardware = control.Flows.Offloads.ReadTotals(); // the other process's begins anew
        lookups.ExactMatches += (long)hardware.ExactMatches;
        lookups.WildcardMatches += (long)hardware.WildcardMatches;
        lookups.Lookups += (long)(hardware.ExactMatches + hardware.WildcardMatches);
        lookups.Save(to);
        control.Accounts.Save(to);
        shared.Macs.Save(to, (uint)shared.Clock.Milliseconds);
        control.Buffers.Save(to);
        SavePacketIns(to, shared.PortlessPacketIns);
        to.Write(shared.Ports.Ports.Length);
        foreach (SwitchPort port in shared.Ports.Ports)
        {
            SavePort(to, port);
        }
    }

    /// <summary>Goes on from what <see cref="SaveState"/> wrote; no worker runs yet, and devices have been adopted.</summary>
    /// <param name="isSame">Whether this datapath's port of a number is the other's, with its device; else the other's counts as one that went.</param>
    /// <exception cref="InvalidDataException">It makes no sense; so does <see cref="EndOfStreamException"/>.</exception>
    public void RestoreState(BinaryReader from, Func<ushort, bool> isSame)
    {
        foreach (Worker worker in workers)
        {
            worker.DrainOnce(); // has queues for the ports then
        }
        DropReason[] reasons = new DropReason[Math.Clamp(from.ReadInt32(), 0, byte.MaxValue)];
        for (int i = 0; i < reasons.Length; i++)
        {
            reasons[i] = Enum.TryParse(from.ReadString(), out DropReason reason) && reason < DropReason.Count ? reason : DropReason.NoFrame;
        }
        control.Pipeline.FragmentHandling = (FragmentHandling)from.ReadByte();
        int commands = from.ReadInt32();
        for (int i = 0; i < commands; i++)
        {
            long done = from.ReadInt64();
            control.Flows.Done[Math.Min(i, control.Flows.Done.Length - 1)] += done;
        }
        control.PacketIns.Delivered += from.ReadInt64();
        workers[0].Counters.Restore(from);
        control.Accounts.Restore(from, reasons);
        shared.Macs.Restore(from, (uint)shared.Clock.Milliseconds);
        control.Buffers.Restore(from);
        RestorePacketIns(from, shared.PortlessPacketIns);
        for (int ports = from.ReadInt32(); ports > 0; ports--)
        {
            RestorePort(from, reasons, isSame);
        }
    }

    private void SavePort(BinaryWriter to, SwitchPort port)
    {
        to.Write(port.Number);
        to.Write((uint)port.Config);
        // What waits in schedulers goes along. What waits for the rest of its datagram or for an address ends here, and is counted.
        PortAccount account = port.ReadAccount();
        PortCounters device = port.Device.ReadCounters();
        if (device.Hardware is PortAccount forwarded)
        {
            account.Add(forwarded);
        }
        long scheduled = port.QueueSettings == null ? 0 : SchedulerOf(port)?.Count ?? 0;
        account.Ingress.CountDrops(DropReason.ReassemblyTimeout, (long)account.Ingress.Held);
        account.Egress.CountDrops(DropReason.TunnelUnreachable, (long)account.Egress.Held - scheduled);
        account.Ingress.Held = account.Egress.Held = 0;
        account.Save(to);
        device.Save(to);
        SavePacketIns(to, port.PacketIns);
        QueueSetup[] queues = port.QueueSettings?.Queues ?? [];
        to.Write(queues.Length);
        foreach (QueueSetup queue in queues)
        {
            to.Write(queue.Config.Id);
            to.Write(queue.Counters.Bytes);
            to.Write(queue.Counters.Packets);
            to.Write(queue.Counters.Overruns);
        }
        (Packet Packet, uint Queue)[] waiting = SchedulerOf(port)?.Waiting ?? [];
        to.Write(waiting.Length);
        foreach ((Packet packet, uint queue) in waiting)
        {
            to.Write(queue);
            PacketRecord.Write(to, packet, frames);
        }
    }

    private void RestorePort(BinaryReader from, DropReason[] reasons, Func<ushort, bool> isSame)
    {
        ushort number = from.ReadUInt16();
        PortConfig config = (PortConfig)from.ReadUInt32() & PortConfig.All;
        PortAccount account = default;
        account.Restore(from, reasons);
        PortCounters device = PortCounters.Read(from);
        SwitchPort? port = isSame(number) ? shared.Ports.Find(number) : null;
        if (port != null)
        {
            port.Config = config;
            port.Account(port.FirstWorker).Add(account);
        }
        else
        {
            control.Accounts.AddGone(account, device);
        }
        RestorePacketIns(from, port?.PacketIns ?? shared.PortlessPacketIns);
        for (int queues = from.ReadInt32(); queues > 0; queues--)
        {
            QueueCounters counters = port?.QueueSettings?.CountersOf(from.ReadUInt32()) ?? new QueueCounters();
            counters.Restore(from.ReadUInt64(), from.ReadUInt64(), from.ReadUInt64());
        }
        Worker worker = workers[port?.FirstWorker ?? 0];
        for (int waiting = from.ReadInt32(); waiting > 0; waiting--)
        {
            uint queue = from.ReadUInt32();
            bool fits = PacketRecord.TryRead(from, worker.Frames, out Packet packet);
            ref PacketAccount egress = ref (port == null ? ref control.Accounts.Own.Of(OwnAccount.Gone) : ref port.Account(port.FirstWorker)).Egress;
            if (fits && port != null)
            {
                worker.Outputs.Find(number)!.Requeue(packet, queue);
            }
            else if (fits)
            {
                worker.Frames.Drop(packet, DropReason.NoSuchPort, ref egress);
            }
            else
            {
                egress.CountDrops(DropReason.NoFrame);
            }
        }
    }

    private PortScheduler? SchedulerOf(SwitchPort port) => workers[port.FirstWorker].Outputs.Find(port.Number)?.Scheduler;

    private void SavePacketIns(BinaryWriter to, PacketInQueues queues)
    {
        QueuedPacketIn[] waiting = [.. queues.All.SelectMany(queue => queue.ReadAll())];
        to.Write(waiting.Length);
        foreach (QueuedPacketIn item in waiting)
        {
            to.Write(item.InPort);
            to.Write((byte)item.Reason);
            to.Write(item.MaxLength);
            PacketRecord.Write(to, item.Packet, frames);
        }
    }

    /// <summary>They are queued again, as if worker 0 had met them; the account was saved as if they had never been handed over.</summary>
    private void RestorePacketIns(BinaryReader from, PacketInQueues queues)
    {
        ref PacketAccount account = ref workers[0].Accounts.Of(OwnAccount.Controller).Egress;
        for (int waiting = from.ReadInt32(); waiting > 0; waiting--)
        {
            ushort inPort = from.ReadUInt16();
            PacketInReason reason = (PacketInReason)from.ReadByte();
            ushort maxLength = from.ReadUInt16();
            if (!PacketRecord.TryRead(from, workers[0].Frames, out Packet packet))
            {
                account.CountDrops(DropReason.NoFrame);
                continue;
            }
            PacketInQueue queue = queues.Of(PacketInQueues.KindOf(reason, packet));
            if (queue.HasRoom)
            {
                queue.Enqueue(new QueuedPacketIn(packet, inPort, reason, maxLength));
                account.Handed++;
            }
            else
            {
                workers[0].Frames.Drop(packet, DropReason.PacketInQueueFull, ref account);
            }
        }
    }
}
