using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>The datapath and its control side: flow table, ports, packet buffers, statistics, timers.</summary>
/// <remarks>
/// Threads: every member is used by one thread at a time, the one that entered the control gate (<see cref="Enter"/>, <see cref="EnterWithoutTable"/>), but for
/// <see cref="Workers"/>, which run on threads of their own and never do, and <see cref="WaitForWork"/>. What a method changed is in force for every
/// packet that a worker receives after it returned.
/// </remarks>
public sealed unsafe partial class DatapathControl : IDisposable
{
    // Retired entries that may wait for workers before an ADD has to.
    private const int RetiredReserve = 1 << 16;

    // A worker's counters are 32 bytes an entry, in an array of at most 2^31 bytes.
    private const int MaxEntries = (1 << 26) - RetiredReserve - 2;

    // How many milliseconds the gate is held while a packet-out queue is full, or has to be emptied; and after which time without a sign of life a barrier takes
    // the worker for stopped.
    private const int QueuePatience = 2;
    private const int BarrierPatience = 1000;

    // How many milliseconds a port that was removed waits for a worker to wake up, before its device is closed.
    private const int SleepPatience = 1000;

    private const int LongestServiceInterval = 500;
    private const int LinkCheckInterval = 250;

    // Packet-ins delivered while the gate is held once: well below a millisecond.
    private const int PacketInSlice = 256;

    // Of all frames, the part that queues of packet-ins may hold, and the least a queue is worth having for.
    private const int PacketInFrameShare = 4;
    private const int ShortestPacketInQueue = 8;

    private const int LongestPacketInPause = 10;

    // Entries whose memory is taken back, or whose end is reported, before it is looked whether others wait for the gate.
    private const int ReclaimSlice = 64;

    // Indices that must be left for an ADD to be taken while flow-removed wait for a controller to read.
    private const int SpareIndices = 1024;

    // For how many milliseconds they are waited for, in all, until none waits any more.
    private const int ShortagePatience = 3000;

    private readonly ControlLock _gate = new();
    private readonly DatapathOptions _options;
    private readonly WorkerShared _shared;
    private readonly FlowStore _store;
    private readonly FlowTable _table;
    private readonly ActionListMemory _lists;
    private readonly FlowModProcessor _flows;
    private readonly FrameCache _frames;
    private readonly BufferedPackets _buffers;
    private readonly PacketInScheduler _packetIns;
    private readonly Worker[] _workers;
    private readonly SpanningTreeControl? _spanningTree;
    private readonly Func<bool> _hasWork;
    private IControlEvents? _events;
    private int _nextPortWorker;
    private long _packetOutDrops;
    private long _linksCheckedAt;
    private long _shortSince;
    private volatile bool _linksChanged;
    private volatile bool _paused;

    /// <exception cref="ArgumentOutOfRangeException">A size is out of its range.</exception>
    public DatapathControl(DatapathOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Workers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BufferCount, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxReassemblies, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.PacketInRate);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxExactEntries);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxWildcardEntries);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxEmergencyEntries);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)options.MaxExactEntries + options.MaxWildcardEntries, MaxEntries, "entries of both tables");
        ArgumentOutOfRangeException.ThrowIfNegative(options.ActionMemory);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.PacketInQueueLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.PacketOutQueueLength, 1);
        if (options.SpanningTree?.Refusal is { } reason)
        {
            throw new ArgumentOutOfRangeException(nameof(options), reason);
        }
        _options = options;
        GracePeriod grace = new(options.Workers);
        FlowHash hash = options.Hash ?? FlowHash.CreateRandom();
        _store = new FlowStore(options.MaxExactEntries + options.MaxWildcardEntries + options.MaxEmergencyEntries + RetiredReserve, options.Workers);
        _table = new FlowTable(_store, grace, hash);
        _shared = new WorkerShared
        {
            Frames = new FramePool(options.FrameCount, options.FrameSize, options.LargeFrameCount + (options.Workers * options.MaxReassemblies), options.FrameMemory),
            Table = _table,
            Grace = grace,
            Clock = new ControlClock(options.TimeProvider),
            Macs = new StationTable(hash),
            Service = new ServiceSignal(),
            FlowCacheCapacity = options.FlowCacheCapacity,
            MaxReassemblies = options.MaxReassemblies,
            ReassemblyTimeout = options.ReassemblyTimeout,
            PortlessPacketIns = new PacketInQueues(options.Workers, options.PacketInQueueLength),
        };
        _packetIns = new PacketInScheduler(_shared, options.PacketInRate, options.PacketInBurst);
        _lists = new ActionListMemory(grace, hash, options.ActionMemory);
        _flows = new FlowModProcessor(options, _table, grace, _shared.Clock, _lists, _gate);
        _frames = _shared.Frames.CreateCache();
        _buffers = new BufferedPackets(options.BufferCount, _frames, _shared.Clock, (long)options.BufferTimeout.TotalMilliseconds);
        _queues = new QueueControl(_shared.Frames);
        HandoverRings handovers = new(options.Workers);
        _workers = new Worker[options.Workers];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Worker(i, _shared, options.PacketOutQueueLength, handovers);
        }
        _spanningTree = options.SpanningTree == null ? null : new SpanningTreeControl(
            options.SpanningTree, options.DatapathId, _shared, _frames, _workers, port => _events?.OnPortStatus(PortStatusReason.Modify, port.Description));
        _hasWork = HasWork;
        Publish(new PipelineSettings { HasSpanningTree = _spanningTree != null });
    }

    /// <summary>Whether others have waited at the gate for so long that it is time to leave it; for whoever has entered it.</summary>
    public bool IsOthersTurn => _gate.IsOverdue;

    /// <summary>Whether flow-removed wait for controllers to read and hold nearly all memory of entries; time to wait before more flow-mods, for some seconds.</summary>
    public bool IsShortOfEntries => _flows.Removed.HasReports && _store.FreeCount < SpareIndices;

    public ulong DatapathId => _options.DatapathId;

    /// <summary>Whether there is a spanning tree: OFPC_STP.</summary>
    public bool HasSpanningTree => _spanningTree != null;

    /// <summary>Packets that can wait in buffers for a flow-mod or packet-out.</summary>
    public int BufferCount => _options.BufferCount;

    /// <summary>Packets in buffers now.</summary>
    internal int BufferedPacketCount => _buffers.OccupiedCount;

    /// <summary>Bit (1 &lt;&lt; <see cref="ActionKind"/>) set for each action that works.</summary>
    public uint SupportedActions { get; } = (1u << ((int)ActionKind.Enqueue + 1)) - 1;

    /// <summary>All packet memory; ports receive into it.</summary>
    public FramePool Frames => _shared.Frames;

    /// <summary>All packet-outs go to one worker.</summary>
    private PacketOutQueue PacketOuts => _workers[0].PacketOuts;

    /// <summary>The bridge's part in the spanning tree, for tests; null without one.</summary>
    internal SpanningTreeBridge? Bridge => _spanningTree?.Bridge;

    /// <summary>The tables themselves, for tests.</summary>
    internal FlowTable Table => _table;

    /// <summary>Frames that are free, in a buffer or in a scheduler, for tests that account for every one; exact while the workers rest.</summary>
    internal int RestingFrameCount =>
        Frames.FreeCount + Frames.FreeLargeCount + _frames.FreeCount + _buffers.OccupiedCount + _workers.Sum(worker => worker.Frames.FreeCount + worker.HeldCount);

    /// <summary>Action lists in native memory, for tests.</summary>
    internal int ActionListCount => _lists.ListCount;

    /// <summary>Bytes of these lists.</summary>
    internal long ActionListBytes => _lists.UsedBytes;

    /// <summary>What forwards: each is to be run by a thread of its own.</summary>
    public IReadOnlyList<Worker> Workers => _workers;

    /// <summary>Receiver of packet-ins, flow-removed and port-status; set once, before the workers run.</summary>
    public IControlEvents? Events
    {
        get => _events;
        set => _events = _flows.Removed.Events = value;
    }

    public MissBehaviour MissBehaviour
    {
        get => _shared.Settings.Miss;
        set => Publish(_shared.Settings with { Miss = value });
    }

    /// <summary>What becomes of IPv4 fragments; of the switch, whichever connection sets it. In force from the workers' next passes on.</summary>
    public FragmentHandling FragmentHandling
    {
        get => _shared.Settings.Fragments;
        set => Publish(_shared.Settings with { Fragments = value });
    }

    /// <summary>What is forwarded past the flow table; null, as at first, without in-band control. In force from the workers' next passes on.</summary>
    public InBandTraffic? InBand
    {
        get => _shared.Settings.InBand;
        set => Publish(_shared.Settings with { InBand = value });
    }

    /// <summary>Packet-outs lost because a worker did not keep up.</summary>
    public long PacketOutDrops => _packetOutDrops;

    /// <summary>Enters the control gate, around a call or calls that belong together, in the order of those who come.</summary>
    /// <remarks>
    /// Nobody else's command sees or changes flow entries until the result is disposed of. A call that looks at or removes many entries leaves the gate in between for
    /// others, which can do what needs no flow entries.
    /// </remarks>
    /// <param name="host">Told of that; may be null.</param>
    public ControlScope Enter(ICommandHost? host = null)
    {
        _gate.Enter(withTable: true, host);
        return new ControlScope(_gate);
    }

    /// <summary>The same for what neither reads nor changes flow entries: ports, packet-outs, barriers, <see cref="Service"/>. Does not wait for long commands.</summary>
    public ControlScope EnterWithoutTable()
    {
        _gate.Enter(withTable: false, host: null);
        return new ControlScope(_gate);
    }

    /// <summary>The control thread: serves until it is told to stop, and <see cref="Wake"/> is called. Whatever <see cref="Service"/> throws ends it.</summary>
    /// <param name="afterEach">Called by this thread without the lock, after each turn.</param>
    public void Serve(CancellationToken stop, Action? afterEach = null)
    {
        while (!stop.IsCancellationRequested)
        {
            int milliseconds;
            using (EnterWithoutTable())
            {
                milliseconds = Service();
            }
            afterEach?.Invoke();
            WaitForWork(milliseconds);
        }
    }

    /// <summary>Delivers some of what workers queued, removes flow entries that timed out, notices link changes.</summary>
    /// <returns>
    /// After how many milliseconds it wants to be called again at the latest; sooner when <see cref="WaitForWork"/> returns. 0 if there is more to
    /// do at once: the gate is given up between two slices of it, for others to enter.
    /// </returns>
    /// <exception cref="InvalidOperationException">Somebody waited for a worker in vain: the switch cannot go on.</exception>
    public int Service()
    {
        _shared.Grace.ThrowIfStuck();
        int pause = DeliverPacketIns();
        bool hasMore = _flows.Timeouts.Expire();
        _buffers.Expire();
        hasMore |= ReclaimUntilOthersTurn();
        EndShortage();
        ReclaimPacketOuts();
        CheckLinks();
        int interval = hasMore ? 0 : _shared.Grace.HasWork || _flows.Removed.HasReports ? 1 : _flows.Timeouts.Any ? TimerWheel.TickMilliseconds : LongestServiceInterval;
        interval = Math.Min(interval, _spanningTree?.Service() ?? LongestServiceInterval);
        interval = Math.Min(interval, _flows.Offloads.Service(_shared.Clock.Milliseconds));
        return pause < 0 ? interval : Math.Min(interval, pause);
    }

    /// <summary>Without the gate: sleeps until a worker has queued something, or for the given time.</summary>
    public void WaitForWork(int milliseconds)
    {
        if (_paused)
        {
            // There is work, but it must wait: for the rate limit, or for whoever else wants the gate. Workers would wake us all the time.
            Thread.Sleep(Math.Clamp(milliseconds, 1, LongestPacketInPause));
            return;
        }
        _shared.Service.Wait(milliseconds, _hasWork);
    }

    /// <summary>Without the gate, any thread: ends <see cref="WaitForWork"/>, or the next one at once.</summary>
    public void Wake() => _shared.Service.RaiseAlways();

    /// <summary>Applies a flow-mod; with a buffer id the buffered packet is then treated by the new entry's actions (§5.3.3).</summary>
    /// <returns>An error of the flow-mod itself, which then changed nothing, or of the buffer.</returns>
    public ControlError Apply(in FlowMod mod)
    {
        bool isDelete = mod.Command is FlowModCommand.Delete or FlowModCommand.DeleteStrict;
        ControlError error = _flows.Apply(mod);
        _shared.Grace.Poll(ReclaimSlice);
        _flows.Removed.Report(ReclaimSlice);
        if (_shared.Grace.HasWork || _flows.Removed.HasReports)
        {
            _shared.Service.RaiseAlways();
        }
        bool usesBuffer = mod.BufferId != FlowMod.NoBuffer && !isDelete;
        return error == ControlError.None && usesBuffer ? SendBuffered(mod.BufferId, null, mod.Actions) : error;
    }

    /// <summary>Sends a packet (§5.3.6).</summary>
    /// <param name="bufferId">A buffer, or <see cref="FlowMod.NoBuffer"/>: then <paramref name="data"/> is the packet. Neither does nothing.</param>
    /// <param name="inPort">Ingress the actions see: a port, or NONE or CONTROLLER for none.</param>
    public ControlError PacketOut(uint bufferId, ushort inPort, ReadOnlySpan<FlowAction> actions, ReadOnlySpan<byte> data)
    {
        ControlError error = ActionValidator.Validate(actions, forPacketOut: true);
        if (error != ControlError.None)
        {
            return error;
        }
        if (bufferId != FlowMod.NoBuffer)
        {
            return SendBuffered(bufferId, inPort, actions);
        }
        if (data.Length < FlowKeyParser.MinLength)
        {
            return ControlError.None;
        }
        if (!_frames.TryRent(data.Length, out Packet packet))
        {
            _packetOutDrops++;
            return ControlError.None;
        }
        packet.Length = data.Length;
        data.CopyTo(packet.Bytes);
        Enqueue(packet, inPort, actions);
        return ControlError.None;
    }

    /// <summary>Goes on with a barrier (§5.3.7): microseconds, unless there is much to wait for.</summary>
    /// <returns>
    /// Whether every packet-out from before it is sent, no worker still treats a packet by an earlier table and the end of entries removed before it is reported. If not, it is
    /// called again after the gate was left.
    /// </returns>
    /// <param name="progress">How far it has come.</param>
    /// <param name="reader">How far whoever sent it is with the ends of entries: others that read slowly are not waited for.</param>
    /// <exception cref="InvalidOperationException">A worker is stuck: there is nothing true to reply.</exception>
    public bool TryBarrier(ref BarrierProgress progress, in FlowRemovedCursor reader)
    {
        progress.IsHeldUp = false;
        if (progress.Stage <= BarrierStage.PacketOuts)
        {
            if (!TryFinishPacketOuts(ref progress))
            {
                return false;
            }
            if (!_shared.Grace.Wait())
            {
                _shared.Grace.ThrowIfStuck();
            }
            ReclaimPacketOuts();
            progress.Target = _shared.Grace.RetiredCount;
            progress.Stage = BarrierStage.Reclaim;
        }
        if (progress.Stage == BarrierStage.Reclaim)
        {
            while (_shared.Grace.ReclaimedCount < progress.Target)
            {
                _shared.Grace.Poll(ReclaimSlice); // first: whoever cannot leave the gate goes on all the same
                if (_gate.IsOverdue)
                {
                    return false;
                }
            }
            progress.Target = _flows.Removed.ReportCount;
            progress.Stage = BarrierStage.Report;
        }
        while (Math.Max(reader.Count, _flows.Removed.ReportedCount) < progress.Target && !progress.IsHeldUp)
        {
            if (_gate.IsOverdue)
            {
                return false;
            }
            progress.IsHeldUp = !_flows.Removed.Report(ReclaimSlice) && Math.Max(reader.Count, _flows.Removed.ReportedCount) < progress.Target;
        }
        return !progress.IsHeldUp;
    }

    /// <summary>A whole barrier without leaving the gate: it waits for no controller to read.</summary>
    public void Barrier()
    {
        BarrierProgress progress = default;
        while (!TryBarrier(ref progress, default))
        {
            _flows.Removed.Report(ReclaimSlice, force: true);
        }
    }

    /// <summary>For a receiver in <see cref="IControlEvents.OnFlowsRemoved"/>: the next end of an entry.</summary>
    /// <returns>False if there is none.</returns>
    public bool TryReadFlowRemoved(ref FlowRemovedCursor cursor, out FlowRemoved removed) => _flows.Removed.TryRead(ref cursor, out removed);

    /// <summary>The cursor of a receiver that has taken all, or wants none.</summary>
    public FlowRemovedCursor EndOfFlowRemoved => _flows.Removed.EndOfReports;

    /// <summary>Iterates over flow entries. Start with a <paramref name="cursor"/> of 0. The gate may be left between two calls: entries
    /// that stay all the while are reported exactly once.</summary>
    public bool NextFlow(ref uint cursor, in FlowFilter filter, out FlowStatistics statistics) =>
        filter.TableId == FlowFilter.EmergencyTable
            ? _flows.Emergency.Next(ref cursor, filter, out statistics)
            : _flows.Entries.Next(ref cursor, filter, out statistics);

    public AggregateStatistics Aggregate(in FlowFilter filter) =>
        filter.TableId == FlowFilter.EmergencyTable ? _flows.Emergency.Aggregate(filter) : _flows.Entries.Aggregate(filter);

    /// <summary>Whether the emergency entries are in force (§4.3).</summary>
    public bool InEmergency => _flows.Emergency.InForce;

    /// <summary>Contact with the controller is lost: puts the emergency entries in force and deletes all others. No packet meets neither.</summary>
    /// <returns>Whether that was done: not if they are in force already, nor if there are none, when the fail mode has the say.</returns>
    public bool EnterEmergency()
    {
        if (InEmergency || _flows.Emergency.Count == 0)
        {
            return false;
        }
        _flows.Emergency.Enter();
        _shared.Service.RaiseAlways();
        return true;
    }

    /// <summary>A controller is back: what is in force remains, and is now like any other entry.</summary>
    public void LeaveEmergency() => _flows.Emergency.Leave();

    /// <summary>Has hardware forward part of the packets. It is told of entries and ports that there are, and is the datapath's from now on.</summary>
    public void AddOffload(IFlowOffload offload)
    {
        ArgumentNullException.ThrowIfNull(offload);
        _flows.Offloads.Attach(offload);
    }

    /// <summary>The flow table as controllers see it. Look-ups include those that ended in hardware; there is room for <see
    /// cref="DatapathOptions.MaxExactEntries"/> entries without wildcards and <see cref="DatapathOptions.MaxWildcardEntries"/> with them.</summary>
    public TableStatistics ReadTable()
    {
        ReadLookups(out ulong lookups, out ulong exact, out ulong wildcard);
        return new TableStatistics(
            FlowFilter.FlowTable, "flows", FlowWildcards.All, (uint)(_options.MaxExactEntries + _options.MaxWildcardEntries),
            (uint)(_table.Exact.Count + _table.Wildcard.Count), lookups, exact + wildcard);
    }

    /// <summary>One of the two structures that the flow table consists of.</summary>
    /// <param name="part">0 for exact, 1 for wildcard entries.</param>
    public TableStatistics ReadTable(int part)
    {
        ReadLookups(out ulong lookups, out ulong exact, out ulong wildcard);
        return part == 0
            ? new TableStatistics(0, "exact", FlowWildcards.None, (uint)_options.MaxExactEntries, (uint)_table.Exact.Count, lookups, exact)
            : new TableStatistics(1, "wildcard", FlowWildcards.All, (uint)_options.MaxWildcardEntries, (uint)_table.Wildcard.Count, lookups - exact, wildcard);
    }

    private void ReadLookups(out ulong lookups, out ulong exact, out ulong wildcard)
    {
        OffloadTotals offloaded = _flows.Offloads.ReadTotals();
        lookups = offloaded.ExactMatches + offloaded.WildcardMatches;
        exact = offloaded.ExactMatches;
        wildcard = offloaded.WildcardMatches;
        foreach (Worker worker in _workers)
        {
            // Matches first: a worker counts the lookups before them, so there are never more matches than lookups.
            wildcard += (ulong)Volatile.Read(ref worker.Counters.WildcardMatches);
            exact += (ulong)Volatile.Read(ref worker.Counters.ExactMatches);
            lookups += (ulong)Volatile.Read(ref worker.Counters.Lookups);
        }
    }

    /// <summary>Packets that ended inside the switch for this reason, over all workers.</summary>
    public long ReadDrops(DropReason reason) =>
        _workers.Sum(worker => worker.Drops.Read(reason)) + _shared.Ports.Ports.Sum(port => port.Device.Drops.Sum(drops => drops.Read(reason)));

    /// <summary>Disposes of ports and memory. The workers' threads have ended.</summary>
    /// <exception cref="AggregateException">What devices threw, after everything was disposed of.</exception>
    public void Dispose()
    {
        List<Exception> failures = DisposePorts();
        _buffers.Clear();
        foreach (Worker worker in _workers)
        {
            worker.Dispose();
        }
        _flows.Dispose();
        _shared.Dispose();
        _shared.Frames.Dispose();
        ThrowIfAny(failures);
    }

    /// <summary>Instead of <see cref="Dispose"/> when a worker's thread does not end, and the process is about to: interfaces are left as they were found. The memory
    /// stays, for that worker to use; should it wake up and meet a closed device, the end is none the better and none the worse.</summary>
    /// <exception cref="AggregateException">What devices threw, after all ports were disposed of.</exception>
    public void Abandon() => ThrowIfAny(DisposePorts());

    private List<Exception> DisposePorts()
    {
        List<Exception> failures = [];
        _flows.Offloads.Dispose();
        foreach (SwitchPort port in _shared.Ports.Ports.Concat(_removedInVain))
        {
            try
            {
                port.Dispose();
            }
#pragma warning disable CA1031 // the other interfaces are to be left as they were found whatever one device does
            catch (Exception e)
#pragma warning restore CA1031
            {
                failures.Add(e);
            }
        }
        _shared.Settings = _shared.Settings with { Ports = PortSet.Empty };
        return failures;
    }

    private static void ThrowIfAny(List<Exception> failures)
    {
        if (failures.Count > 0)
        {
            throw new AggregateException("some ports could not be closed", failures);
        }
    }

    private bool HasWork() => _packetIns.HasWaiting || Array.Exists(_workers, static worker => worker.Bpdus.HasIncoming);

    /// <summary>Whether the packet-outs from before a barrier are sent, or their worker has stopped.</summary>
    private bool TryFinishPacketOuts(ref BarrierProgress progress)
    {
        if (progress.Stage == BarrierStage.Begin)
        {
            progress.Stage = BarrierStage.PacketOuts;
            progress.Target = PacketOuts.Added;
            progress.AliveAt = Environment.TickCount64;
        }
        if (PacketOuts.WaitFor(progress.Target, QueuePatience))
        {
            return true;
        }
        if (PacketOuts.Done != progress.Done)
        {
            progress.Done = PacketOuts.Done;
            progress.AliveAt = Environment.TickCount64;
        }
        progress.IsHeldUp = Environment.TickCount64 - progress.AliveAt <= BarrierPatience;
        return !progress.IsHeldUp;
    }

    /// <summary>Queues whose length keeps those of all ports together within their share of the frames.</summary>
    private PacketInQueues CreatePacketIns()
    {
        int queues = (_shared.Ports.Ports.Length + 1) * _workers.Length * (int)PacketInKind.Count;
        int share = _options.FrameCount / PacketInFrameShare / queues;
        return new PacketInQueues(_workers.Length, Math.Min(_options.PacketInQueueLength, Math.Max(share, ShortestPacketInQueue)));
    }

    private void Discard(PacketInQueues queues)
    {
        foreach (SpscRing<QueuedPacketIn> ring in queues.All)
        {
            while (ring.TryDequeue(out QueuedPacketIn item))
            {
                _frames.Release(item.Packet);
            }
        }
    }

    /// <returns>As <see cref="PacketInScheduler.Pause"/>.</returns>
    private int DeliverPacketIns()
    {
        _packetIns.Refill();
        for (int i = 0; i < PacketInSlice && _packetIns.TryTake(out QueuedPacketIn item); i++)
        {
            Deliver(item);
        }
        int pause = _packetIns.Pause();
        _paused = pause >= 0;
        return pause;
    }

    private void Deliver(in QueuedPacketIn item)
    {
        if (_events == null)
        {
            _frames.Release(item.Packet);
            return;
        }
        Packet packet = item.Packet;
        // The frame's bytes stay where they are while it waits in its buffer, at least until the next is added.
        uint buffer = _buffers.Add(packet, item.InPort);
        _events.OnPacketIn(new PacketIn
        {
            BufferId = buffer,
            InPort = item.InPort,
            Reason = item.Reason,
            MaxLength = item.MaxLength,
            Data = packet.Bytes,
        });
    }

    /// <param name="inPort">Null: the port the packet came in on.</param>
    private ControlError SendBuffered(uint bufferId, ushort? inPort, ReadOnlySpan<FlowAction> actions)
    {
        ControlError error = _buffers.TryTake(bufferId, out Packet packet, out ushort receivedOn);
        if (error == ControlError.None)
        {
            Enqueue(packet, inPort ?? receivedOn, actions);
        }
        return error;
    }

    private void Enqueue(in Packet packet, ushort inPort, ReadOnlySpan<FlowAction> actions)
    {
        ReclaimPacketOuts();
        if (!_lists.TryCompileForPacketOut(actions, out ActionsReference compiled))
        {
            // The lists of those before it go with them.
            PacketOuts.WaitFor(PacketOuts.Added, QueuePatience);
            ReclaimPacketOuts();
            if (!_lists.TryCompileForPacketOut(actions, out compiled))
            {
                DropPacketOut(packet);
                return;
            }
        }
        if (!PacketOuts.TryAdd(packet, inPort, compiled))
        {
            PacketOuts.WaitForRoom(QueuePatience);
            if (!PacketOuts.TryAdd(packet, inPort, compiled))
            {
                _lists.Return(compiled);
                DropPacketOut(packet);
                return;
            }
        }
        _workers[0].Wake();
    }

    private void DropPacketOut(in Packet packet)
    {
        _packetOutDrops++;
        _frames.Release(packet);
    }

    private void ReclaimPacketOuts() => PacketOuts.Reclaim(_lists);

    /// <summary>Others' flow-mods wait for those that read slowly, but not for ever.</summary>
    private void EndShortage()
    {
        if (!_flows.Removed.HasReports)
        {
            _shortSince = 0;
            return;
        }
        long now = Environment.TickCount64;
        if (IsShortOfEntries && _shortSince == 0)
        {
            _shortSince = now;
        }
        bool goesOn = _shortSince != 0 && now - _shortSince > ShortagePatience;
        for (; goesOn && IsShortOfEntries; goesOn = !_gate.IsOverdue)
        {
            _flows.Removed.Report(ReclaimSlice, force: true);
        }
    }

    /// <returns>Whether there is more that can be done at once.</returns>
    private bool ReclaimUntilOthersTurn()
    {
        bool hasMore;
        do
        {
            hasMore = _shared.Grace.Poll(ReclaimSlice);
            hasMore |= _flows.Removed.Report(ReclaimSlice);
        }
        while (hasMore && !_gate.IsOverdue);
        return hasMore;
    }
}
