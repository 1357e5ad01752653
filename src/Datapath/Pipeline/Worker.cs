using System.Runtime.CompilerServices;
using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Forwards packets: receive, parse, look up, execute, transmit, to completion and without waiting.</summary>
/// <remarks>
/// Start reading at <see cref="PollOnce"/>: it is the life of a packet. A worker owns its port queues, frames, batch, output queues and counters;
/// it meets the control side only in published tables and single-producer queues. Threads: everything by the one thread that
/// runs it, except <see cref="Wake"/> and the counters' readers.
/// </remarks>
internal sealed unsafe class Worker : IDisposable
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
    private readonly IngressStage _ingress;
    private PipelineSettings _settings = new();
    private CaptureTap? _tap;
    private ReceiveQueue[] _receive = [];
    private ReceiveQueue[] _inside = []; // of these, those without a wire
    private volatile PortSet _adopted = PortSet.Empty;
    private volatile bool _isRunning;
    private long _copiedEpoch;
    private uint _now;
    private readonly Action _wake;
    private long _ticks; // when the pass began

    /// <param name="trace">Who follows the packets; null where they are forwarded.</param>
    /// <param name="counting">Where packets count for flow entries; null for this worker's place among the table's counters.</param>
    internal Worker(
        int id, WorkerShared shared, int packetOutQueueLength, HandoverRings handovers, IPacketTrace? trace = null, FlowCounting? counting = null)
    {
        Id = id;
        _shared = shared;
        _frames = shared.Frames.CreateCache(shared.FrameShare);
        _classifier = new BatchClassifier(shared.Table, shared.FlowCacheCapacity);
        Handovers = handovers;
        Accounts = new OwnAccounts();
        _packetIns = new PacketInSender(id, shared, &Accounts.Controller->Egress);
        PacketOuts = new PacketOutQueue(packetOutQueueLength);
        Bpdus = new BpduExchange(shared.Service);
        Sleep = new IdleStrategy(
            () => !PacketOuts.IsEmpty || Bpdus.HasOutgoing || Handovers.HasWorkFor(Id) || !ReferenceEquals(_settings, _shared.Settings)
                || _shared.AccountEpoch != _copiedEpoch);
        handovers.Attach(id, Sleep);
        _wake = Sleep.Wake;
        _outputs = new OutputQueues(id, _frames, handovers);
        _executor = new ActionExecutor(this, shared.Macs, _frames, _packetIns, _outputs, trace);
        _ingress = new IngressStage(shared, _frames, _executor, Bpdus);
        _batchExecutor = new BatchExecutor(shared.Table.Store, counting ?? new FlowCounting(shared.Table.Store, id), _executor);
    }

    public int Id { get; }

    internal FrameCache Frames => _frames;

    /// <summary>
    /// Frames that wait for their turn on a port, or for the rest of their datagram. For tests that account for every one.
    /// </summary>
    internal int HeldCount => _outputs.HeldCount + _ingress.HeldFrameCount;

    /// <summary>What is to leave at the end of the pass; for whoever follows a packet, which asks in between.</summary>
    internal OutputQueues Outputs => _outputs;

    internal PacketOutQueue PacketOuts { get; }

    internal BpduExchange Bpdus { get; }

    internal HandoverRings Handovers { get; }

    /// <summary>Of packets that come from or go to no port.</summary>
    internal OwnAccounts Accounts { get; }

    internal WorkerCounters Counters => _counters;

    internal IdleStrategy Sleep { get; }

    /// <summary>The ports it has to do with; it writes no account of another one. Any thread.</summary>
    internal PortSet Adopted => _adopted;

    /// <summary>Whether a <see cref="WorkerThread"/> runs it: then it alone may say how its accounts stand. Any thread.</summary>
    internal bool IsRunning => _isRunning;

    /// <summary>The <see cref="WorkerShared.AccountEpoch"/> its accounts were copied for last. Any thread.</summary>
    internal long CopiedEpoch => Volatile.Read(ref _copiedEpoch);

    /// <summary>Ends its sleep. Any thread.</summary>
    internal void Wake() => Sleep.Wake();

    /// <summary>One pass over everything this worker serves.</summary>
    /// <returns>Packets moved; 0 lets the caller decide how to idle.</returns>
    public int PollOnce() => Pass(drains: false);

    /// <summary>The same without receiving from wires, to empty what is inside: the thread that ran the worker has ended, and this one is it now.</summary>
    internal int DrainOnce() => Pass(drains: true);

    private int Pass(bool drains)
    {
        _shared.Grace.EnterPass(Id); // what the tables show from here on stays valid until LeavePass
        BeginPass(_shared.Settings, _shared.Clock.Ticks);
        int moved = Bpdus.Send(_outputs, _frames, &Accounts.Switch->Ingress); // first, while the ports have room
        foreach (ref readonly ReceiveQueue queue in (drains ? _inside : _receive).AsSpan()) // as they are by now
        {
            int received = queue.Port.Receive(_batch, _frames);
            if (received > 0)
            {
                Forward(ref _batch.First, received, queue.SwitchPort.Number, queue);
                _batch.Clear();
                moved += received;
            }
        }
        moved += TakeHandovers() + ExecutePacketOuts();
        moved += _outputs.Flush(); // one transmit per port that has packets
        _packetIns.Signal();
        _tap?.EndPass();
        _shared.Grace.LeavePass(Id);
        return moved;
    }

    /// <summary>
    /// What a port received, or a packet-out sends to OFPP_TABLE: parsed, admitted, looked up, executed. Ends the packets' ownership.
    /// </summary>
    /// <param name="count">At most <see cref="PacketBatch.Capacity"/>.</param>
    /// <param name="from">Where it came in; default for a packet-out, whatever its in_port.</param>
    private void Forward(ref Packet packets, int count, ushort inPort, in ReceiveQueue from)
    {
        uint bytes = ParseBatch(ref packets, inPort, count, out bool runts);
        PacketAccount* account = (PacketAccount*)from.Ingress;
        if (account != null)
        {
            account->Entered += (uint)count;
            account->EnteredBytes += bytes;
            _executor.Ingress = account;
            _tap?.Received(ref packets, _keys.Start, count, inPort);
        }
        count = _ingress.Admit(ref packets, _keys.Start, _layouts.Start, count, runts, from.SwitchPort);
        if (count > 0)
        {
            int exact = _classifier.Classify(_keys.Start, _found.Start, count);
            int misses = _batchExecutor.Execute(ref packets, _keys.Start, _layouts.Start, _found.Start, inPort, count, _now);
            _counters.Count(count, exact, count - exact - misses);
        }
    }

    /// <summary>
    /// OFPP_TABLE of a packet-out: as if the packet, as it is now, had come in on its in_port. A batch of one; no batch of a port's is
    /// under way.
    /// </summary>
    internal void ThroughTable(Packet packet, ushort inPort) => Forward(ref packet, 1, inPort, default);

    /// <summary>One pass in turn with other workers of its thread.</summary>
    /// <returns>Whether there should be another soon; else it sleeps.</returns>
    /// <remarks>What a port throws in spite of its contract passes through.</remarks>
    internal bool Turn()
    {
        bool isBusy = PollOnce() > 0;
        _counters.CountPass(_ticks, isBusy);
        if (isBusy)
        {
            Sleep.NoteBusyPass();
            return true;
        }
        if (!Sleep.NoteIdlePass())
        {
            return true;
        }
        if (Sleep.IsResting && _frames.FreeCount > 0)
        {
            _frames.Drain(); // others have more use for them
        }
        return !Sleep.TryFallAsleep(_receive, _outputs.Due == long.MaxValue ? long.MaxValue : _outputs.Due - _shared.Clock.Ticks);
    }

    /// <summary>A thread runs it from now on. Parameters as of <see cref="IdleStrategy.Begin"/>.</summary>
    internal void Enter(IWaiter waiter, Action<IdleStrategy> wakeThread, int slot)
    {
        Sleep.Begin(waiter, wakeThread, slot);
        _isRunning = true;
    }

    /// <summary>Its thread runs it no longer.</summary>
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

    /// <summary>Any thread, after <see cref="Wake"/>: returns when the worker, if it runs, has no other ports than these, nor their descriptors.</summary>
    /// <param name="patience">How many milliseconds it takes a worker that is not stopped, at the most.</param>
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
        _frames.Tap = _tap = null; // who captured may be gone
        ReleaseWaiting();
        _ingress.Dispose();
        _keys.Dispose();
        _layouts.Dispose();
        _classifier.Dispose();
        _found.Dispose();
        _batchExecutor.Dispose();
        _outputs.Release();
        _frames.Drain();
        Accounts.Dispose();
    }

    /// <summary>Gives back the frames of what nobody treats any more: the pool may be others', too.</summary>
    private void ReleaseWaiting()
    {
        for (; PacketOuts.TryPeek(out QueuedPacketOut item); PacketOuts.Advance())
        {
            _frames.Release(item.Packet);
        }
        foreach (SpscRing<Handover> ring in Handovers.To(Id))
        {
            while (ring.TryDequeue(out Handover item))
            {
                _frames.Release(item.Packet);
            }
        }
        Bpdus.Release(_frames);
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
        _ingress.BeginPass(_now);
    }

    /// <summary>Between two passes, when they agree with each other.</summary>
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
        }
        _outputs.Adopt(ports);
        Sleep.Unwatch(); // a port that goes is closed once its set is no longer the adopted one
        var receive = new List<ReceiveQueue>();
        foreach (SwitchPort port in ports.Ports)
        {
            receive.AddRange(port.QueuesOf(Id).Select(queue => new ReceiveQueue(
                port, queue, (nint)(&port.AccountOf(Id)->Ingress), IsAsked: !queue.WakeBy(_wake) && queue.PollDescriptor < 0)));
        }
        _receive = receive.ToArray();
        _inside = Array.FindAll(_receive, queue => queue.Port.IsInside);
        _adopted = ports;
    }

    /// <summary>Keys and layouts of the whole batch; returns its bytes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)] // its loop needs the registers
    private uint ParseBatch(ref Packet packets, ushort inPort, int count, out bool runts)
    {
        runts = false;
        FlowKey* keys = _keys.Start;
        HeaderOffsets* layouts = _layouts.Start;
        uint bytes = 0;
        for (int i = 0; i < count; i++)
        {
            ref Packet packet = ref Unsafe.Add(ref packets, i); // i < count <= PacketBatch.Capacity, the length of all three arrays
            bytes += (uint)packet.Length;
            runts |= packet.Length < FlowKeyParser.MinLength;
            FlowKeyParser.Parse(packet.Data, packet.Length, inPort, keys + i, layouts + i);
        }
        return bytes;
    }

    /// <summary>
    /// Sends what other workers handed over for ports this one serves. Nothing that another worker has handed over since it copied its accounts, as long as
    /// this one has not: it would be taken there and never handed.
    /// </summary>
    private int TakeHandovers()
    {
        int moved = 0;
        foreach (SpscRing<Handover> ring in Handovers.To(Id))
        {
            int ready = ring.ReadyCount;
            if (ready > 0 && _shared.AccountEpoch != _copiedEpoch) // in this order: what is handed over after a copy is seen after the epoch
            {
                return moved;
            }
            for (int budget = Math.Min(ready, PacketBatch.Capacity); budget > 0 && ring.TryDequeue(out Handover item); budget--)
            {
                if (_outputs.Find(item.Port) is OutputQueue queue && queue.Port.Incarnation == item.Incarnation)
                {
                    queue.Account->Taken++;
                    queue.Requeue(item.Packet, item.QueueId);
                }
                else
                {
                    Accounts.Gone->Egress.Taken++;
                    _frames.Drop(item.Packet, DropReason.NoSuchPort, &Accounts.Gone->Egress);
                }
                moved++;
            }
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
            _executor.Ingress->Taken++;
            FlowKey key; // of its own: one of its actions may send it through the table
            HeaderOffsets layout;
            FlowKeyParser.Parse(packet.Data, packet.Length, item.InPort, &key, &layout);
            _ingress.AllowRefragmenting(ref packet);
            _executor.Execute(item.Actions, ref packet, key, ref layout, item.InPort);
            PacketOuts.Advance();
            moved++;
        }
        return moved;
    }
}
