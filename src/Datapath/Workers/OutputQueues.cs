using System.Runtime.CompilerServices;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Workers;

/// <summary>One worker's output queues, one for each port of the switch.</summary>
internal sealed class OutputQueues
{
    private readonly int _worker;
    private readonly FrameCache _frames;
    private readonly DropCounters _drops;
    private readonly HandoverMesh _handovers;
    private OutputQueue?[] _byNumber = [];
    private OutputQueue? _local;
    private OutputQueue[] _all = [];

    public OutputQueues(int worker, FrameCache frames, DropCounters drops, HandoverMesh handovers)
    {
        _worker = worker;
        _frames = frames;
        _drops = drops;
        _handovers = handovers;
    }

    public ReadOnlySpan<OutputQueue> All => _all;

    /// <summary>Makes queues for the ports of a new set and forgets those of ports that are gone. All queues are empty between passes.</summary>
    public void Adopt(PortSet set)
    {
        var all = new OutputQueue[set.Ports.Length];
        for (int i = 0; i < all.Length; i++)
        {
            SwitchPort port = set.Ports[i];
            OutputQueue? known = Find(port.Number);
            all[i] = known?.Port == port ? known : new OutputQueue(port, _worker, _frames, _drops, _handovers);
        }
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
        if (packet.Flags != PacketFlags.None)
        {
            if ((packet.Flags & PacketFlags.MayFragment) != 0)
            {
                AddFragmentable(queue, packet);
                return;
            }
            if (!queue.TakesOffloads)
            {
                Unfinished.Finish(packet, _frames, _drops, new QueueSink(queue));
                return;
            }
        }
        queue.Add(packet);
    }

    /// <summary>Cuts a packet that is longer than the port's MTU and may be cut.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void AddFragmentable(OutputQueue queue, Packet packet)
    {
        packet.Flags &= ~PacketFlags.MayFragment;
        if (!Fragmenter.Exceeds(packet, queue.Port.Mtu))
        {
            Add(queue, packet);
        }
        else if (Fragmenter.TryBegin(packet, _frames, queue.Port.Mtu, out Fragmenter fragmenter))
        {
            while (fragmenter.TryNext(out Packet fragment))
            {
                queue.Add(fragment);
            }
            _drops.Count(DropReason.NoFrame, fragmenter.Remaining);
            _frames.Release(packet);
        }
        else
        {
            queue.CountDrop();
            _drops.Count(DropReason.TooLong);
            _frames.Release(packet);
        }
    }

    /// <summary>One transmit call per port that has packets.</summary>
    public void Flush()
    {
        foreach (OutputQueue queue in _all)
        {
            if (!queue.IsEmpty)
            {
                queue.Flush();
            }
        }
    }

    private readonly struct QueueSink(OutputQueue queue) : IFrameSink
    {
        public void Take(in Packet frame) => queue.Add(frame);
    }
}
