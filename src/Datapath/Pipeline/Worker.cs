using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Forwards packets: receive, parse, look up, execute, transmit, to completion and without waiting.</summary>
/// <remarks>
/// Start reading at <see cref="PollOnce"/>: it is the life of a packet. A worker owns its port queues, frames, batch, output queues and counters;
/// it shares only published tables and single-producer queues with the control side. Threads: the one that runs the worker calls every member;
/// other threads may call <see cref="Wake"/> and read the counters.
/// </remarks>
internal sealed unsafe class Worker : IDisposable
{
    /// <summary>
    /// Batches that a pass takes from one queue at most. With several of them, many packets share the cost of a pass; with few, the other ports
    /// are served soon.
    /// </summary>
    public const int BatchesPerQueue = 4;

    private readonly WorkerShared _shared;
    private readonly FrameCache _frames;
    private readonly BatchClassifier _classifier;
    private readonly OutputQueues _outputs;
    private readonly PacketInSender _packetIns;
    private readonly ActionExecutor _executor;
    private readonly BatchExecutor _batchExecutor;
    private readonly WorkerCounters _counters = new();
    private readonly IngressStage _ingress;
    private PipelineSettings _settings = new();
    private CaptureTap? _tap;

    // The three batches under way: the worker fills the first while the processor loads memory for the other two. A batch may be empty.
    private PipelineBatch _received = new();
    private PipelineBatch _located = new();
    private PipelineBatch _selected = new();
    private ReceiveQueue[] _receive = [];
    private ReceiveQueue[] _inside = []; // of these, those without a wire
    private volatile PortSet _adopted = PortSet.Empty;
    private volatile bool _isRunning;
    private long _copiedEpoch;
    private uint _now;
    private int _next = -1; // the queue that was received from last
    private int _spent; // cost of copies and costly packets in this pass, in units of PacketCost
    private long _ticks; // when the pass began

    /// <param name="trace">Told of each step of a traced packet; null for a worker that forwards.</param>
    /// <param name="counting">Where packets count for flow entries; null for this worker's place among the table's counters.</param>
    internal Worker(
        int id, WorkerShared shared, int packetOutQueueLength, HandoverRings handovers, IPacketTrace? trace = null, FlowCounting? counting = null)
    {
        Id = id;
        _shared = shared;
        _frames = shared.Frames.CreateCache(shared.FrameQuota);
        _classifier = new BatchClassifier(shared.Table, shared.FlowCacheCapacity);
        Handovers = handovers;
        Accounts = new SwitchAccounts();
        _packetIns = new PacketInSender(shared, &Accounts.Controller->Egress);
        PacketOuts = new PacketOutQueue(packetOutQueueLength);
        Bpdus = new BpduExchange(shared.Service);
        Sleep = new IdleStrategy(
            () => !PacketOuts.IsEmpty || Bpdus.HasOutgoing || Handovers.HasWorkFor(Id) || !ReferenceEquals(_settings, _shared.Settings)
                || _shared.AccountEpoch != _copiedEpoch);
        handovers.Attach(id, Sleep);
        _outputs = new OutputQueues(id, _frames, handovers);
        _executor = new ActionExecutor(this, shared.Macs, _frames, _packetIns, _outputs, trace);
        _ingress = new IngressStage(shared, _frames, _executor, Bpdus);
        _batchExecutor = new BatchExecutor(shared.Table.Store, shared.Lists, _frames, counting ?? new FlowCounting(shared.Table.Store, id), _executor);
        Costly = new CostlyPackets(_classifier, _batchExecutor, _executor, _frames, _counters, throughTable: new((nint)(&Accounts.Controller->Ingress)));
    }

    public int Id { get; }

    internal FrameCache Frames => _frames;

    /// <summary>Frames that wait for their turn in a pass or on a port, or for the rest of their datagram. For tests that account for every one.</summary>
    internal int HeldCount => _outputs.HeldCount + _ingress.HeldFrameCount + Costly.Count;

    /// <summary>Packets that cost more than a pass may take. Read by the control side where it says so.</summary>
    internal CostlyPackets Costly { get; }

    /// <summary>Whether its last pass was long, so that others of its thread go first.</summary>
    internal bool IsHeavy => _spent >= PacketCost.Slice;

    /// <summary>Packets that the worker sends at the end of the pass. A packet tracer reads them between two steps.</summary>
    internal OutputQueues Outputs => _outputs;

    internal PacketOutQueue PacketOuts { get; }

    internal BpduExchange Bpdus { get; }

    internal HandoverRings Handovers { get; }

    /// <summary>Accounts of packets that come from or go to no port.</summary>
    internal SwitchAccounts Accounts { get; }

    internal WorkerCounters Counters => _counters;

    internal IdleStrategy Sleep { get; }

    /// <summary>The ports that the worker uses now. It writes the accounts of these ports only. Any thread.</summary>
    internal PortSet Adopted => _adopted;

    /// <summary>Whether a <see cref="WorkerThread"/> runs the worker: then only the worker knows when its accounts are consistent. Any thread.</summary>
    internal bool IsRunning => _isRunning;

    /// <summary>The <see cref="WorkerShared.AccountEpoch"/> its accounts were copied for last. Any thread.</summary>
    internal long CopiedEpoch => Volatile.Read(ref _copiedEpoch);

    /// <summary>Ends its sleep. Any thread.</summary>
    internal void Wake() => Sleep.Wake();

    /// <summary>One pass over everything this worker serves.</summary>
    /// <returns>Packets moved; 0 lets the caller decide how to idle.</returns>
    public int PollOnce() => Pass(drains: false);

    /// <summary>A pass that receives nothing from wires, to empty the switch's own queues. The worker's thread has ended; the caller takes its part.</summary>
    internal int DrainOnce() => Pass(drains: true);

    private int Pass(bool drains)
    {
        _shared.Grace.EnterPass(Id); // entries that the worker finds from here on stay valid until LeavePass
        BeginPass(_shared.Settings, _shared.Clock.Ticks);
        int moved = Bpdus.Send(_outputs, _frames, &Accounts.Switch->Ingress); // first, while the ports have room
        moved += ReceiveInTurn(drains ? _inside : _receive); // as they are by now
        FinishBatches();
        moved += TakeHandovers() + ExecutePacketOuts() + Costly.Run(_now, ref _spent);
        moved += _outputs.Flush(); // one transmit per port that has packets
        _packetIns.Signal();
        _tap?.EndPass();
        _shared.Grace.LeavePass(Id);
        return moved;
    }

    /// <summary>Receives from each queue. If costly packets make the pass long, it stops; the next pass goes on with the next queue.</summary>
    private int ReceiveInTurn(ReadOnlySpan<ReceiveQueue> queues)
    {
        int moved = 0;
        for (int n = 0; n < queues.Length && _spent < PacketCost.Slice; n++)
        {
            _next = _next + 1 < queues.Length ? _next + 1 : 0;
            moved += Receive(queues[_next]);
        }
        return moved;
    }

    /// <summary>Receives the packets of one queue, batch by batch, up to the queue's share of the pass.</summary>
    private int Receive(in ReceiveQueue queue)
    {
        Backlog backlog = queue.Backlog;
        if (!backlog.IsClear)
        {
            backlog.WaitForTurn();
            return 1; // there is more to do soon
        }
        int moved = 0;
        for (int n = 0; n < BatchesPerQueue && backlog.IsClear; n++)
        {
            int received = queue.Port.Receive(_received.Packets, _frames);
            if (received == 0)
            {
                break;
            }
            moved += received;
            Begin(queue.SwitchPort.Number, queue.SwitchPort, backlog);
            if (received < PacketBatch.Capacity)
            {
                break;
            }
        }
        return moved;
    }

    /// <summary>Parses, admits, looks up and executes packets that a port received or a packet-out sends to OFPP_TABLE; then the worker owns them no more.</summary>
    /// <remarks>If the table is too large for the cache, only its memory is prefetched, and batches begun before go on by a step: each ends two steps later.</remarks>
    /// <param name="port">The port that received the packets; null for a packet-out, whatever its in_port.</param>
    /// <param name="backlog">Takes the packets that cost too much for this pass.</param>
    private void Begin(ushort inPort, SwitchPort? port, Backlog backlog)
    {
        PipelineBatch batch = _received;
        batch.InPort = inPort;
        batch.Backlog = backlog;
        bool runts = batch.Parse();
        if (port != null)
        {
            _executor.Ingress = backlog.Ingress;
            _executor.Ingress->Entered += (uint)batch.Count;
            _executor.Ingress->EnteredBytes += batch.Bytes;
            _tap?.Received(ref batch.First, batch.Keys, batch.Count, inPort);
        }
        batch.Ingress = _executor.Ingress;
        ulong made = batch.Ingress->Made;
        _ingress.Admit(batch, runts, port);
        _spent += batch.Charge(made);
        _classifier.Locate(batch.Lookup, batch.Keys, batch.Count);
        if (batch.Lookup.IsFar)
        {
            Advance();
            return;
        }
        FinishBatches(); // the table may have been larger earlier in this pass
        _classifier.Select(batch.Lookup, batch.Found, batch.Count);
        Finish(batch);
    }

    /// <summary>Ends the batches under way.</summary>
    private void FinishBatches()
    {
        if (_located.Count > 0)
        {
            _classifier.Select(_located.Lookup, _located.Found, _located.Count);
        }
        if (_selected.Count > 0)
        {
            Finish(_selected);
        }
        if (_located.Count > 0)
        {
            Finish(_located);
        }
    }

    /// <summary>Takes each batch under way one step further; the batch received last becomes the located one.</summary>
    private void Advance()
    {
        _classifier.Select(_located.Lookup, _located.Found, _located.Count);
        Finish(_selected);
        (_received, _located, _selected) = (_selected, _received, _located);
    }

    /// <summary>The last step of a batch: confirms its entries and executes their actions.</summary>
    private void Finish(PipelineBatch batch)
    {
        int count = batch.Count;
        if (count > 0)
        {
            _executor.Ingress = batch.Ingress;
            int exact = _classifier.Confirm(batch.Lookup, batch.Keys, batch.Found, count);
            bool isCounted = batch.Backlog.HoldsUp || _batchExecutor.MayBeCostly(batch);
            if (isCounted)
            {
                _spent += Costly.TakeFrom(batch, ref exact);
                count = batch.Count;
            }
            if (count > 0)
            {
                ulong made = batch.Ingress->Made;
                int misses = _batchExecutor.Execute(batch, _now);
                _counters.Count(count, exact, count - exact - misses);
                _spent += isCounted ? 0 : batch.Charge(made);
            }
        }
        batch.Packets.Clear();
    }

    /// <summary>OFPP_TABLE of a packet-out: treats the packet, with its edits so far, as if in_port had received it. No batch of a port is under way.</summary>
    internal void ThroughTable(Packet packet, ushort inPort)
    {
        _received.Packets.Add(packet);
        Begin(inPort, null, Costly.ThroughTable);
        FinishBatches();
    }

    /// <summary>One pass in turn with other workers of its thread.</summary>
    /// <returns>True if the worker needs another pass soon; false if it sleeps.</returns>
    /// <remarks>A port must not throw. If it does, its exception reaches the caller.</remarks>
    internal bool Turn()
    {
        bool isBusy = PollOnce() > 0;
        _counters.CountPass(_ticks, isBusy);
        if (isBusy)
        {
            Sleep.NoteBusyPass(_ticks);
            return true;
        }
        if (!Sleep.NoteIdlePass(_ticks))
        {
            return true;
        }
        if (Sleep.IsResting && _frames.FreeCount > 0)
        {
            _frames.Drain(); // back to the pool, for other workers and datapaths
        }
        return !Sleep.TryFallAsleep(_receive, _outputs.Due == long.MaxValue ? long.MaxValue : _outputs.Due - _shared.Clock.Ticks);
    }

    /// <summary>A thread begins to run the worker. Parameters as of <see cref="IdleStrategy.Begin"/>.</summary>
    internal void Enter(IWaiter waiter, Action<IdleStrategy> wakeThread, int slot)
    {
        Sleep.Begin(waiter, wakeThread, slot);
        _isRunning = true;
    }

    /// <summary>The thread stops running the worker.</summary>
    internal void Leave()
    {
        Sleep.End();
        _isRunning = false;
    }

    /// <summary>A pass threw: the control side waits for this worker no longer.</summary>
    internal void Abandon()
    {
        PacketOuts.Abandon();
        _shared.Grace.AbandonPass(Id);
    }

    /// <summary>Any thread, after <see cref="Wake"/>: waits until the worker, if it runs, uses no other ports than these, nor their descriptors.</summary>
    /// <param name="patience">The longest wait in milliseconds: more than a worker needs, unless its thread is stopped.</param>
    internal void WaitForAdoption(PortSet ports, int patience)
    {
        long deadline = Environment.TickCount64 + patience;
        SpinWait spin = default;
        while (_isRunning && _adopted != ports && Environment.TickCount64 < deadline)
        {
            spin.SpinOnce();
        }
    }

    /// <summary>Releases what is left; the worker's thread has ended.</summary>
    public void Dispose()
    {
        _frames.Tap = _tap = null; // the capture may have ended already
        PacketOuts.Release(_frames); // the pool may be shared with other datapaths
        Handovers.Release(Id, _frames);
        Bpdus.Release(_frames);
        _ingress.Dispose();
        Costly.Dispose();
        _received.Dispose();
        _located.Dispose();
        _selected.Dispose();
        _classifier.Dispose();
        _batchExecutor.Dispose();
        _outputs.Release();
        _frames.Drain();
        Accounts.Dispose();
    }

    /// <summary>Time and settings for the whole pass.</summary>
    /// <param name="ticks">Worker clock in units of 100 ns.</param>
    private void BeginPass(PipelineSettings settings, long ticks)
    {
        _ticks = ticks;
        _now = (uint)(ticks / TimeSpan.TicksPerMillisecond);
        _outputs.Now = ticks;
        if (!ReferenceEquals(settings, _settings))
        {
            Adopt(settings);
        }
        if (_shared.AccountEpoch != _copiedEpoch)
        {
            CopyAccounts(_shared.AccountEpoch);
        }
        _tap?.BeginPass(ticks);
        _executor.Now = _now;
        _spent = 0;
        _ingress.BeginPass(_now);
    }

    /// <summary>Copies the worker's accounts between two passes, when their counts are consistent.</summary>
    private void CopyAccounts(long epoch)
    {
        foreach (SwitchPort port in _settings.Ports.Ports)
        {
            port.CopyAccount(Id);
        }
        Accounts.Copy();
        Volatile.Write(ref _copiedEpoch, epoch);
    }

    private void Adopt(PipelineSettings settings)
    {
        PortSet old = _settings.Ports;
        if (settings.Captures != _settings.Captures)
        {
            _frames.Tap = _tap = CaptureTap.Create(settings.Captures, Id, _shared.Clock.Provider);
        }
        _settings = settings;
        _executor.MissBehaviour = settings.Miss;
        _ingress.Settings = settings;
        if (settings.Ports != old)
        {
            Adopt(settings.Ports, old);
        }
    }

    private void Adopt(PortSet ports, PortSet old)
    {
        foreach (SwitchPort gone in old.Ports.Except(ports.Ports))
        {
            _ingress.Abandon(&gone.AccountOf(Id)->Ingress);
            Costly.Abandon(&gone.AccountOf(Id)->Ingress);
        }
        _outputs.Adopt(ports);
        Sleep.Unwatch(); // a port that goes is closed once its set is no longer the adopted one
        _receive = ReceiveQueue.Of(ports, Id, _receive, Sleep.Wake);
        Costly.Adopt(_receive.Select(queue => queue.Backlog));
        _inside = Array.FindAll(_receive, queue => queue.Port.IsInside);
        _adopted = ports;
    }

    /// <summary>
    /// Sends the packets that other workers handed over for ports this worker serves. If a new copy of the accounts is wanted, this worker copies its own
    /// first: else its copy could count a packet as taken that the other worker's copy does not count as handed.
    /// </summary>
    private int TakeHandovers()
    {
        int moved = 0;
        foreach (SpscRing<Handover> ring in Handovers.To(Id))
        {
            int ready = ring.ReadyCount;
            if (ready > 0 && _shared.AccountEpoch != _copiedEpoch) // in this order: a packet handed over after a copy becomes visible after the epoch
            {
                return moved;
            }
            moved += _outputs.Take(ring, Math.Min(ready, BatchesPerQueue * PacketBatch.Capacity), &Accounts.Gone->Egress);
        }
        return moved;
    }

    private int ExecutePacketOuts()
    {
        int moved = 0;
        _executor.Ingress = &Accounts.Controller->Ingress;
        while (moved < PacketBatch.Capacity && PacketOuts.TryPeek(out QueuedPacketOut item))
        {
            Packet packet = item.Packet;
            FlowKey key; // of its own: one of its actions may send it through the table
            HeaderOffsets layout;
            FlowKeyParser.Parse(packet.Data, packet.Length, item.InPort, &key, &layout);
            _ingress.AllowRefragmenting(ref packet);
            if (PacketCost.Of(item.Actions, packet, _frames, _executor.PortCount, _executor.PortCount) <= PacketCost.Plain || item.Actions.IsPort)
            {
                _executor.Execute(item.Actions, ref packet, key, ref layout, item.InPort);
            }
            else if (!Costly.TryBegin(item with { Packet = packet }, key, layout))
            {
                break;
            }
            _executor.Ingress->Taken++;
            PacketOuts.Advance();
            moved++;
        }
        return moved;
    }
}
