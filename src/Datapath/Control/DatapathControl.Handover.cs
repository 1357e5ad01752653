using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;

namespace Softswitch.Datapath.Control;

/// <content>
/// What another process needs to go on where this datapath rests, its flow entries and devices aside. The workers' threads have ended, and the control lock
/// is held, from <see cref="Drain"/> to the end of the process or to workers' new threads.
/// </content>
internal sealed unsafe partial class DatapathControl
{
    // Passes until nothing moves: what is in the switch leaves within a few, and nothing comes in.
    private const int MostDrainPasses = 10_000;

    /// <summary>Whether entries live on past their timeouts: while another process is told of them, which will remove them.</summary>
    public bool SuspendsTimeouts
    {
        get => _flows.Timeouts.IsSuspended;
        set => _flows.Timeouts.IsSuspended = value;
    }

    /// <summary>Whether packet-ins wait in their queues, as far as these reach, because whoever is to have them is about to connect.</summary>
    public bool HoldsPacketIns
    {
        get => _packetIns.IsHeld;
        set
        {
            _packetIns.IsHeld = value;
            Wake();
        }
    }

    /// <summary>The ports there are: as long as it is the same object, none came or went.</summary>
    public object PortsNow => _shared.Ports.Ports;

    /// <summary>The ports that another process can go on with.</summary>
    public IEnumerable<(ushort Number, IDeviceHandover Device)> HandoverDevices =>
        _shared.Ports.Ports.Where(port => port.Device.Handover != null).Select(port => (port.Number, port.Device.Handover!));

    /// <summary>As <see cref="ControlLock.Outside"/>.</summary>
    public void Outside(Action action) => _lock.Outside(action);

    /// <summary>Why another process cannot go on in this one's place; null if it can.</summary>
    public string? HandoverObstacle =>
        _spanningTree != null ? "it has a spanning tree, whose ports would begin to listen and learn anew"
        : _flows.Offloads.Any ? "a NetFPGA card forwards for it"
        : InEmergency ? "its emergency entries are in force: a controller has to connect first"
        : null;

    /// <summary>Whatever is on its way inside the switch goes on to where it waits or leaves, and nothing is received.</summary>
    public void Drain()
    {
        int moved = 1;
        for (int pass = 0; pass < MostDrainPasses && moved > 0; pass++)
        {
            moved = 0;
            foreach (Worker worker in _workers)
            {
                moved += worker.DrainOnce();
            }
        }
    }

    /// <summary>Notes what entries had counted when they were told of, for <see cref="SaveCounts"/> to tell what changed since.</summary>
    public FlowCountSnapshot BeginCounts() => new(_store, _flows.Entries);

    /// <summary>Entries whose counters changed since a snapshot, with what they are now.</summary>
    public void SaveCounts(BinaryWriter to, FlowCountSnapshot before) => before.SaveChanges(to, _shared.Clock.Milliseconds);

    /// <summary>Where restored entries are, by sequence number, for <see cref="RestoreCounts"/>.</summary>
    public Dictionary<ulong, uint> IndexFlows() => FlowCountSnapshot.Index(_store);

    /// <summary>Sets the counters of restored entries to what <see cref="SaveCounts"/> wrote of them.</summary>
    public void RestoreCounts(BinaryReader from, Dictionary<ulong, uint> index) =>
        FlowCountSnapshot.Restore(from, _store, index, _shared.Clock.Milliseconds);

    /// <summary>Counters, settings and what waits inside. Nothing is changed by it.</summary>
    public void SaveRest(BinaryWriter to)
    {
        to.Write((int)DropReason.Count);
        for (DropReason reason = 0; reason < DropReason.Count; reason++)
        {
            to.Write($"{reason}"); // by name: another version has others
        }
        to.Write((byte)FragmentHandling);
        to.Write(_flowModsDone.Length);
        Array.ForEach(_flowModsDone, to.Write);
        to.Write(_packetIns.Delivered);
        WorkerCounters lookups = new();
        Array.ForEach(_workers, worker => lookups.Add(worker.Counters));
        lookups.Save(to);
        _accounts.Save(to);
        _shared.Macs.Save(to, (uint)_shared.Clock.Milliseconds);
        _buffers.Save(to);
        SavePacketIns(to, _shared.PortlessPacketIns);
        to.Write(_shared.Ports.Ports.Length);
        foreach (SwitchPort port in _shared.Ports.Ports)
        {
            SavePort(to, port);
        }
    }

    /// <summary>Goes on from what <see cref="SaveRest"/> wrote; no worker runs yet, and devices have been adopted.</summary>
    /// <param name="isSame">Whether this datapath's port of a number is the other's, with its device; else the other's counts as one that went.</param>
    /// <exception cref="InvalidDataException">It makes no sense; so does <see cref="EndOfStreamException"/>.</exception>
    public void RestoreRest(BinaryReader from, Func<ushort, bool> isSame)
    {
        foreach (Worker worker in _workers)
        {
            worker.DrainOnce(); // has queues for the ports then
        }
        DropReason[] reasons = new DropReason[Math.Clamp(from.ReadInt32(), 0, byte.MaxValue)];
        for (int i = 0; i < reasons.Length; i++)
        {
            reasons[i] = Enum.TryParse(from.ReadString(), out DropReason reason) && reason < DropReason.Count ? reason : DropReason.NoFrame;
        }
        FragmentHandling = (FragmentHandling)from.ReadByte();
        int commands = from.ReadInt32();
        for (int i = 0; i < commands; i++)
        {
            long done = from.ReadInt64();
            _flowModsDone[Math.Min(i, _flowModsDone.Length - 1)] += done;
        }
        _packetIns.Delivered += from.ReadInt64();
        _workers[0].Counters.Restore(from);
        _accounts.Restore(from, reasons);
        _shared.Macs.Restore(from, (uint)_shared.Clock.Milliseconds);
        _buffers.Restore(from);
        RestorePacketIns(from, _shared.PortlessPacketIns);
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
        long scheduled = port.QueueSettings == null ? 0 : SchedulerOf(port)?.Count ?? 0;
        account.Ingress.CountDrops(DropReason.ReassemblyTimeout, (long)account.Ingress.Held);
        account.Egress.CountDrops(DropReason.TunnelUnreachable, (long)account.Egress.Held - scheduled);
        account.Ingress.Held = account.Egress.Held = 0;
        account.Save(to);
        PortCounters device = port.Device.ReadCounters();
        to.Write(device.ReceiveDropped);
        to.Write(device.ReceiveErrors);
        to.Write(device.TransmitErrors);
        to.Write(device.TransmitDropped);
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
            PacketRecord.Write(to, packet, _frames);
        }
    }

    private void RestorePort(BinaryReader from, DropReason[] reasons, Func<ushort, bool> isSame)
    {
        ushort number = from.ReadUInt16();
        PortConfig config = (PortConfig)from.ReadUInt32() & PortConfig.All;
        PortAccount account = default;
        account.Restore(from, reasons);
        PortCounters device = new()
        {
            ReceiveDropped = from.ReadInt64(),
            ReceiveErrors = from.ReadInt64(),
            TransmitErrors = from.ReadInt64(),
            TransmitDropped = from.ReadInt64(),
        };
        SwitchPort? port = isSame(number) ? _shared.Ports.Find(number) : null;
        if (port != null)
        {
            port.Config = config;
            port.AccountOf(port.FirstWorker)->Add(account);
        }
        else
        {
            _accounts.AddGone(account, device);
        }
        RestorePacketIns(from, port?.PacketIns ?? _shared.PortlessPacketIns);
        for (int queues = from.ReadInt32(); queues > 0; queues--)
        {
            QueueCounters counters = port?.QueueSettings?.CountersOf(from.ReadUInt32()) ?? new QueueCounters();
            counters.Restore(from.ReadUInt64(), from.ReadUInt64(), from.ReadUInt64());
        }
        Worker worker = _workers[port?.FirstWorker ?? 0];
        for (int waiting = from.ReadInt32(); waiting > 0; waiting--)
        {
            uint queue = from.ReadUInt32();
            bool fits = PacketRecord.TryRead(from, worker.Frames, out Packet packet);
            PacketAccount* egress = port == null ? &_accounts.Own.Gone->Egress : &port.AccountOf(port.FirstWorker)->Egress;
            if (fits && port != null)
            {
                worker.Outputs.Find(number)!.Requeue(packet, queue);
            }
            else if (fits)
            {
                worker.Frames.Drop(packet, DropReason.NoSuchPort, egress);
            }
            else
            {
                egress->CountDrops(DropReason.NoFrame);
            }
        }
    }

    private PortScheduler? SchedulerOf(SwitchPort port) => _workers[port.FirstWorker].Outputs.Find(port.Number)?.Scheduler;

    private void SavePacketIns(BinaryWriter to, PacketInQueues queues)
    {
        QueuedPacketIn[] waiting = [.. queues.All.SelectMany(queue => queue.ReadAll())];
        to.Write(waiting.Length);
        foreach (QueuedPacketIn item in waiting)
        {
            to.Write(item.InPort);
            to.Write((byte)item.Reason);
            to.Write(item.MaxLength);
            PacketRecord.Write(to, item.Packet, _frames);
        }
    }

    /// <summary>They are queued again, as if worker 0 had met them; the account was saved as if they had never been handed over.</summary>
    private void RestorePacketIns(BinaryReader from, PacketInQueues queues)
    {
        PacketAccount* account = &_workers[0].Accounts.Controller->Egress;
        for (int waiting = from.ReadInt32(); waiting > 0; waiting--)
        {
            ushort inPort = from.ReadUInt16();
            PacketInReason reason = (PacketInReason)from.ReadByte();
            ushort maxLength = from.ReadUInt16();
            if (!PacketRecord.TryRead(from, _workers[0].Frames, out Packet packet))
            {
                account->CountDrops(DropReason.NoFrame);
                continue;
            }
            PacketInQueue queue = queues.Of(PacketInQueues.KindOf(reason, packet));
            if (queue.HasRoom)
            {
                queue.Enqueue(new QueuedPacketIn(packet, inPort, reason, maxLength));
                account->Handed++;
            }
            else
            {
                _workers[0].Frames.Drop(packet, DropReason.PacketInQueueFull, account);
            }
        }
    }
}
