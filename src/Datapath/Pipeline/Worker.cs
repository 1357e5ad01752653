using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Forwards packets: receive, parse, look up, execute, transmit, to completion and without waiting.</summary>
/// <remarks>
/// Start reading at <see cref="PollOnce"/>: it is the life of a packet. A worker owns its port queues, frames, batch, output queues and counters;
/// it meets the control side only in published tables and single-producer queues. Threads: everything by the one thread that
/// runs it, except <see cref="Wake"/> and the counters' readers.
/// </remarks>
public sealed unsafe class Worker : IDisposable
{
    private readonly WorkerShared _shared;
    private readonly FrameCache _frames;
    private readonly PacketBatch _batch = new();
    private readonly NativeArray<FlowKey> _keys = new(PacketBatch.Capacity);
    private readonly NativeArray<HeaderOffsets> _layouts = new(PacketBatch.Capacity);
    private readonly BatchClassifier _classifier;
    private readonly NativeArray<uint> _found = new(PacketBatch.Capacity);
    private readonly OutputQueues _outputs;
    private readonly PacketInSender _packetIns;
    private readonly ActionExecutor _executor;
    private readonly BatchExecutor _batchExecutor;
    private readonly WorkerCounters _counters = new();
    private PortSet _ports = PortSet.Empty;
    private ReceiveQueue[] _receive = [];
    private uint _now;

    internal Worker(int id, WorkerShared shared, int packetOutQueueLength, HandoverRings handovers)
    {
        Id = id;
        _shared = shared;
        _frames = shared.Frames.CreateCache();
        _classifier = new BatchClassifier(shared.Table, shared.FlowCacheCapacity);
        Handovers = handovers;
        _packetIns = new PacketInSender(id, shared);
        PacketOuts = new PacketOutQueue(packetOutQueueLength);
        Drops = new DropCounters();
        Bpdus = new BpduExchange(shared.Service);
        Sleep = new IdleStrategy(() => !PacketOuts.IsEmpty || Bpdus.HasOutgoing || Handovers.HasWorkFor(Id) || _ports != _shared.Ports);
        FlowCounting counting = new(shared.Table.Store, id);
        handovers.Attach(id, Sleep);
        _outputs = new OutputQueues(id, _frames, Drops, handovers);
        Fragments = new FragmentStage(shared, _frames, Drops);
        _executor = new ActionExecutor(shared, _frames, _packetIns, Drops, _outputs, counting, _counters) { Fragments = Fragments };
        _batchExecutor = new BatchExecutor(shared.Table.Store, counting, _executor);
    }

    public int Id { get; }

    internal FrameCache Frames => _frames;

    /// <summary>Frames that wait for their turn on a port. For tests that account for every one.</summary>
    internal int HeldCount => _outputs.HeldCount;

    internal PacketOutQueue PacketOuts { get; }

    internal BpduExchange Bpdus { get; }

    internal HandoverRings Handovers { get; }

    internal DropCounters Drops { get; }

    internal WorkerCounters Counters => _counters;

    internal IdleStrategy Sleep { get; }

    /// <summary>What stands between receiving and looking up.</summary>
    internal FragmentStage Fragments { get; }

    /// <summary>Ends a sleep in <see cref="Run"/>. Any thread.</summary>
    internal void Wake() => Sleep.Wake();

    /// <summary>One pass over everything this worker serves.</summary>
    /// <returns>Packets moved; 0 lets the caller decide how to idle.</returns>
    public int PollOnce()
    {
        _shared.Grace.EnterPass(Id); // what the tables show from here on stays valid until LeavePass
        long now = _shared.Clock.Ticks;
        _now = (uint)(now / TimeSpan.TicksPerMillisecond);
        _executor.Now = _now;
        Fragments.BeginPass(_now);
        _outputs.Now = now;
        if (_ports != _shared.Ports)
        {
            Adopt(_shared.Ports);
        }
        int moved = Bpdus.Send(_outputs, _frames); // first, while the ports have room
        foreach (ref readonly ReceiveQueue queue in _receive.AsSpan())
        {
            int received = queue.Port.Receive(_batch, _frames);
            if (received > 0)
            {
                Forward(queue, received);
                _batch.Clear();
                moved += received;
            }
        }
        moved += TakeHandovers() + ExecutePacketOuts();
        moved += _outputs.Flush(); // one transmit per port that has packets
        _packetIns.Signal();
        _shared.Grace.LeavePass(Id);
        return moved;
    }

    /// <summary>Polls until <paramref name="stop"/> is signalled; spins while there is traffic and sleeps in <paramref name="waiter"/> when there is none.</summary>
    /// <remarks>What a port throws in spite of its contract passes through; the control side waits for this worker no longer then.</remarks>
    public void Run(IWaiter waiter, CancellationToken stop)
    {
        using CancellationTokenRegistration registration = stop.Register(static w => ((IWaiter)w!).Wake(), waiter);
        Sleep.Waiter = waiter;
        try
        {
            PollUntil(stop);
        }
        catch
        {
            PacketOuts.Abandon();
            _shared.Grace.AbandonPass(Id);
            throw;
        }
        finally
        {
            Sleep.Waiter = null;
        }
    }

    /// <summary>Releases what is left; the worker's thread has ended.</summary>
    public void Dispose()
    {
        Fragments.Dispose();
        _keys.Dispose();
        _layouts.Dispose();
        _classifier.Dispose();
        _found.Dispose();
        _batchExecutor.Dispose();
        _outputs.Release();
        _frames.Drain();
    }

    private void PollUntil(CancellationToken stop)
    {
        int idlePasses = 0;
        while (!stop.IsCancellationRequested)
        {
            if (PollOnce() > 0)
            {
                idlePasses = 0;
            }
            else if (++idlePasses >= IdleStrategy.PassesBeforeSleep)
            {
                Sleep.Wait(_receive, _outputs.Due == long.MaxValue ? long.MaxValue : _outputs.Due - _shared.Clock.Ticks);
                idlePasses = IdleStrategy.PassesBeforeSleep / 2;
            }
        }
    }

    private void Adopt(PortSet ports)
    {
        _outputs.Adopt(ports);
        var receive = new List<ReceiveQueue>();
        foreach (SwitchPort port in ports.Ports)
        {
            receive.AddRange(port.QueuesOf(Id).Select(queue => new ReceiveQueue(port, queue, (nint)port.CountersOf(Id))));
        }
        _receive = receive.ToArray();
        _ports = ports;
    }

    /// <summary>Parses, looks up and executes one port's batch.</summary>
    private void Forward(in ReceiveQueue queue, int received)
    {
        SwitchPort port = queue.SwitchPort;
        WorkerPortCounters* counters = (WorkerPortCounters*)queue.Counters;
        counters->ReceivedPackets += (uint)received;
        counters->ReceivedBytes += ParseBatch(port.Number, received, out bool runts);
        int count = received;
        bool hasBpdu = (port.Gate & BridgePortFlags.TakesBpdus) != 0 && HasBpdu(received);
        if (runts || hasBpdu || (port.Config & (PortConfig.PortDown | PortConfig.NoReceive | PortConfig.NoReceiveStp)) != 0)
        {
            count = Filter(port, counters, received);
        }
        if (_shared.InBand is { } inBand)
        {
            count = TakeInBand(inBand, port.Number, count);
        }
        if (Fragments.IsActive)
        {
            count = Fragments.Filter(ref _batch.First, _keys.Start, _layouts.Start, count);
        }
        if (count > 0)
        {
            int exact = _classifier.Classify(_keys.Start, _found.Start, count);
            int misses = _batchExecutor.Execute(_batch, _keys.Start, _layouts.Start, _found.Start, port.Number, count, _now);
            _counters.Count(count, exact, count - exact - misses);
        }
    }

    /// <summary>Keys and layouts of the whole batch; returns its bytes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // its loop needs the registers
    private uint ParseBatch(ushort inPort, int count, out bool runts)
    {
        runts = false;
        ref Packet packets = ref _batch.First;
        FlowKey* keys = _keys.Start;
        HeaderOffsets* layouts = _layouts.Start;
        uint bytes = 0;
        for (int i = 0; i < count; i++)
        {
            ref Packet packet = ref Unsafe.Add(ref packets, i); // i < count <= PacketBatch.Capacity, the length of all four arrays
            bytes += (uint)packet.Length;
            runts |= packet.Length < FlowKeyParser.MinLength;
            FlowKeyParser.Parse(packet.Data, packet.Length, inPort, keys + i, layouts + i);
        }
        return bytes;
    }

    /// <summary>Whether any packet of the batch is an 802.1D frame.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool HasBpdu(int received)
    {
        for (int i = 0; i < received; i++)
        {
            if (_keys.Start[i].DlDst == MacAddress.BridgeGroup)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Drops runts and what a closed port must not receive, takes out what is spanning tree's, and closes the gaps.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Filter(SwitchPort port, WorkerPortCounters* counters, int received)
    {
        PortConfig config = port.Config;
        bool takesBpdus = (port.Gate & BridgePortFlags.TakesBpdus) != 0;
        int kept = 0;
        for (int i = 0; i < received; i++)
        {
            ref Packet packet = ref Unsafe.Add(ref _batch.First, i);
            bool spanningTree = _keys.Start[i].DlDst == MacAddress.BridgeGroup;
            PortConfig closing = PortConfig.PortDown | (spanningTree ? PortConfig.NoReceiveStp : PortConfig.NoReceive);
            if (packet.Length < FlowKeyParser.MinLength)
            {
                counters->ReceiveErrors++;
                _executor.Drop(packet, DropReason.Runt);
                continue;
            }
            if ((config & closing) != 0)
            {
                counters->ReceiveDropped++;
                _executor.Drop(packet, DropReason.IngressClosed);
                continue;
            }
            if (spanningTree && takesBpdus)
            {
                // §4.5: processed locally before performing flow lookup.
                if (!Bpdus.TryTake(packet, port))
                {
                    counters->ReceiveDropped++;
                    _executor.Drop(packet, DropReason.BpduQueueFull);
                }
                continue;
            }
            Unsafe.Add(ref _batch.First, kept) = packet;
            _keys.Start[kept] = _keys.Start[i];
            _layouts.Start[kept] = _layouts.Start[i];
            kept++;
        }
        return kept;
    }

    /// <summary>Forwards the secure channel's own packets past the flow table (§4.2), and closes the gaps.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int TakeInBand(InBandTraffic inBand, ushort inPort, int received)
    {
        int kept = 0;
        for (int i = 0; i < received; i++)
        {
            ref Packet packet = ref Unsafe.Add(ref _batch.First, i);
            if (inBand.Includes(_keys.Start[i], packet, _layouts.Start[i]))
            {
                _executor.Bridge(packet, _keys.Start[i], inPort);
                continue;
            }
            if (kept != i)
            {
                Unsafe.Add(ref _batch.First, kept) = packet;
                _keys.Start[kept] = _keys.Start[i];
                _layouts.Start[kept] = _layouts.Start[i];
            }
            kept++;
        }
        return kept;
    }

    /// <summary>Sends what other workers handed over for ports this one serves.</summary>
    private int TakeHandovers()
    {
        int moved = 0;
        foreach (SpscRing<Handover> ring in Handovers.To(Id))
        {
            for (int budget = PacketBatch.Capacity; budget > 0 && ring.TryDequeue(out Handover item); budget--)
            {
                if (_outputs.Find(item.Port) is OutputQueue queue)
                {
                    queue.Enqueue(item.Packet, item.QueueId);
                }
                else
                {
                    _executor.Drop(item.Packet, DropReason.NoSuchPort);
                }
                moved++;
            }
        }
        return moved;
    }

    private int ExecutePacketOuts()
    {
        int moved = 0;
        while (moved < PacketBatch.Capacity && PacketOuts.TryPeek(out QueuedPacketOut item))
        {
            Packet packet = item.Packet;
            FlowKeyParser.Parse(packet.Data, packet.Length, item.InPort, _keys.Start, _layouts.Start);
            Fragments.AllowRefragmenting(ref packet);
            _executor.Execute(item.Actions, ref packet, *_keys.Start, ref *_layouts.Start, item.InPort);
            PacketOuts.Advance();
            moved++;
        }
        return moved;
    }
}
