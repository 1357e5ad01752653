using System.Runtime.CompilerServices;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;

namespace Softswitch.Datapath.Pipeline;

/// <summary>One worker's output queues, one for each port of the switch.</summary>
internal sealed unsafe class OutputQueues(int worker, FrameCache frames, HandoverRings handovers)
{
    private readonly PassClock _clock = new();
    private OutputQueue?[] _byNumber = [];
    private OutputQueue? _local;
    private OutputQueue[] _all = [];
    private PortScheduler[] _schedulers = [];

    public ReadOnlySpan<OutputQueue> All => _all;

    /// <summary>Ticks, set at the start of each pass.</summary>
    public long Now
    {
        set => _clock.Ticks = value;
    }

    /// <summary>When, in ticks, a packet that waits in a scheduler can leave; <see cref="long.MaxValue"/> when none does.</summary>
    public long Due { get; private set; } = long.MaxValue;

    /// <summary>Packets that wait in schedulers.</summary>
    public int HeldCount => _schedulers.Sum(scheduler => scheduler.Count);

    /// <summary>Makes queues for the ports of a new set and forgets those of ports that are gone. All queues are empty between passes, but for schedulers.</summary>
    public void Adopt(PortSet set)
    {
        var all = new OutputQueue[set.Ports.Length];
        for (int i = 0; i < all.Length; i++)
        {
            SwitchPort port = set.Ports[i];
            OutputQueue? known = Find(port.Number);
            bool stays = known?.Port == port;
            all[i] = stays && known!.IsCurrent ? known : new OutputQueue(port, worker, frames, handovers, _clock, stays ? known : null);
        }
        foreach (OutputQueue queue in _all)
        {
            if (Array.IndexOf(all, queue) < 0)
            {
                queue.Detach()?.Release();
            }
        }
        _schedulers = [.. all.Select(queue => queue.Scheduler).OfType<PortScheduler>()];
        Due = long.MaxValue;
        _local = null;
        _byNumber = new OutputQueue?[set.HighestNumber + 1];
        foreach (OutputQueue queue in all)
        {
            if (queue.Port.Number == PortNumber.Local)
            {
                _local = queue;
            }
            else
            {
                _byNumber[queue.Port.Number] = queue;
            }
        }
        _all = all;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public OutputQueue? Find(ushort number)
    {
        OutputQueue?[] queues = _byNumber;
        return number < queues.Length ? queues[number] : number == PortNumber.Local ? _local : null;
    }

    /// <summary>Takes ownership of the packet; what it owes is finished first if the port cannot do so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(OutputQueue queue, in Packet packet)
    {
        if (NeedsWork(queue, packet))
        {
            MakeFit(queue, packet, QueueConfig.None);
            return;
        }
        queue.Add(packet);
    }

    /// <summary>As <see cref="Add"/>, to one of the port's queues (OFPAT_ENQUEUE).</summary>
    public void Enqueue(OutputQueue queue, in Packet packet, uint queueId)
    {
        if (NeedsWork(queue, packet))
        {
            MakeFit(queue, packet, queueId);
            return;
        }
        queue.Enqueue(packet, queueId);
    }

    /// <summary>Takes packets that another worker handed over, for its ports or for ports that are gone meanwhile.</summary>
    /// <param name="count">At most what the ring has ready.</param>
    /// <param name="gone">Account of packets whose port is gone.</param>
    /// <returns><paramref name="count"/>.</returns>
    public int Take(SpscRing<Handover> ring, int count, PacketAccount* gone)
    {
        for (int left = count; left > 0;)
        {
            ReadOnlySpan<Handover> items = ring.Peek(left);
            int begun = 0;
            try
            {
                while (begun < items.Length)
                {
                    Take(items[begun++], gone);
                }
            }
            finally
            {
                ring.Advance(begun); // also if a port throws: packets given to it are out of the ring
            }
            left -= items.Length;
        }
        return count;
    }

    private void Take(in Handover item, PacketAccount* gone)
    {
        if (Find(item.Port) is OutputQueue queue && queue.Port.Incarnation == item.Incarnation)
        {
            queue.Account->Taken++;
            queue.Requeue(item.Packet, item.QueueId);
        }
        else
        {
            gone->Taken++;
            frames.Drop(item.Packet, DropReason.NoSuchPort, gone);
        }
    }

    /// <summary>One transmit call per port that has packets; schedulers send what is due.</summary>
    /// <returns>Packets that had waited.</returns>
    public int Flush()
    {
        foreach (OutputQueue queue in _all)
        {
            if (!queue.IsEmpty)
            {
                queue.Flush();
            }
        }
        return _schedulers.Length == 0 ? 0 : RunSchedulers();
    }

    /// <summary>Gives back every frame that waits: the worker ends.</summary>
    public void Release()
    {
        foreach (PortScheduler scheduler in _schedulers)
        {
            scheduler.Release();
        }
    }

    private bool NeedsWork(OutputQueue queue, in Packet packet) =>
        packet.Flags != PacketFlags.None
        && ((packet.Flags & PacketFlags.MayFragment) != 0 || (packet.HasOffload && !queue.Takes(frames.Offload(packet))));

    /// <summary>Finishes what the port cannot; cuts what is longer than its MTU and may be cut, which owes nothing else.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void MakeFit(OutputQueue queue, Packet packet, uint queueId)
    {
        queue.Account->Entered++;
        if ((packet.Flags & PacketFlags.MayFragment) == 0)
        {
            PartialChecksum.Finish(packet, frames, queue.Account, new QueueSink(queue, queueId));
            return;
        }
        packet.Flags &= ~PacketFlags.MayFragment;
        if (!Fragmenter.Exceeds(packet, queue.Port.Mtu))
        {
            queue.Requeue(packet, queueId);
            return;
        }
        if (!Fragmenter.TryBegin(packet, frames, queue.Port.Mtu, out Fragmenter fragmenter))
        {
            queue.Drop(packet, DropReason.TooLong);
            return;
        }
        queue.Account->Used++;
        queue.Account->Made += (uint)fragmenter.Remaining;
        while (fragmenter.TryNext(out Packet fragment))
        {
            PartialChecksum.KeepTunnel(packet, ref fragment, frames);
            queue.Requeue(fragment, queueId);
        }
        queue.Account->CountDrops(DropReason.NoFrame, fragmenter.Remaining);
        frames.Release(packet);
    }

    private int RunSchedulers()
    {
        int sent = 0;
        long due = long.MaxValue;
        foreach (PortScheduler scheduler in _schedulers)
        {
            sent += scheduler.Run();
            due = Math.Min(due, scheduler.Due);
        }
        Due = due;
        return sent;
    }

    private readonly struct QueueSink(OutputQueue queue, uint queueId) : IFrameSink
    {
        public void Take(in Packet frame) => queue.Requeue(frame, queueId);
    }
}
