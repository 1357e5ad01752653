using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Datapath.Tables;
using Softswitch.Datapath.Tracing;

namespace Softswitch.Datapath.Control;

/// <summary>The datapath and its control side, made of parts: flow entries, ports, queues, packets from and to the controller, accounts.</summary>
/// <remarks>
/// Threads: only the thread that holds the control lock (<see cref="Enter"/>, <see cref="EnterWithoutTable"/>) uses the members and parts. Exceptions are
/// <see cref="WaitForWork"/> and the <see cref="Workers"/>, which run on threads of their own and never take the lock. A change is in force for every
/// packet that a worker receives after the method returned.
/// </remarks>
internal sealed class DatapathControl : IDisposable
{
    // Retired entries that may wait for workers to let go of them. With more, an ADD waits for the workers.
    private const int RetiredReserve = 1 << 16;

    // A worker's counters are 32 bytes an entry, in an array of at most 2^31 bytes.
    private const int MaxEntries = (1 << 26) - RetiredReserve - 2;

    private const int LongestServiceInterval = 500;
    private const int LongestPacketInPause = 10;

    private readonly DatapathOptions _options;
    private readonly bool _ownsFrames;
    private readonly WorkerShared _shared;
    private readonly FrameCache _frames;
    private readonly PacketOutSender _packetOuts;
    private readonly Worker[] _workers;
    private readonly SpanningTreeControl? _spanningTree;
    private readonly Func<bool> _hasWork;
    private IControlEvents? _events;
    private long _deliveredBefore;

    /// <param name="options">Sizes and sources.</param>
    /// <param name="frames">Shared with other datapaths, and the caller's; null for a pool of its own, as the options have it.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of its range.</exception>
    public DatapathControl(DatapathOptions options, FramePool? frames = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Workers, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.BufferCount);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxReassemblies, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.PacketInRate);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxExactEntries);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxWildcardEntries);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxEmergencyEntries);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)options.MaxExactEntries + options.MaxWildcardEntries, MaxEntries, "entries of both tables");
        ArgumentOutOfRangeException.ThrowIfNegative(options.ActionMemory);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.PacketOutQueueLength, 1);
        if (options.SpanningTree?.Refusal is { } reason)
        {
            throw new ArgumentOutOfRangeException(nameof(options), reason);
        }
        _options = options;
        Lock = new ControlLock(options.TimeProvider);
        _ownsFrames = frames == null;
        GracePeriod grace = new(options.Workers);
        FlowHash hash = options.Hash ?? FlowHash.CreateRandom();
        int entries = options.MaxExactEntries + options.MaxWildcardEntries + options.MaxEmergencyEntries + RetiredReserve;
        FlowStore store = new(entries, options.Workers, options.AdviseHugePages);
        frames ??= CreateFrames(options);
        PacketInRoom room = new(frames);
        _shared = new WorkerShared
        {
            Frames = frames,
            FrameQuota = frames.Join(),
            Table = new FlowTable(store, grace, hash, options.AdviseHugePages),
            Lists = new ActionListMemory(grace, hash, options.ActionMemory),
            Grace = grace,
            Clock = new ControlClock(options.TimeProvider),
            Macs = new StationTable(hash),
            Service = new ControlWakeup(),
            FlowCacheCapacity = options.FlowCacheCapacity,
            MaxReassemblies = options.MaxReassemblies,
            ReassemblyTimeout = options.ReassemblyTimeout,
            PacketInRoom = room,
            PortlessPacketIns = new PacketInQueues(room),
        };
        _frames = frames.CreateCache(_shared.FrameQuota);
        Buffers = new BufferedPackets(options.BufferCount, _frames, _shared.Clock, (long)options.BufferTimeout.TotalMilliseconds);
        Flows = new FlowModProcessor(options, _shared, Buffers, Lock);
        HandoverRings handovers = new(options.Workers);
        _workers = new Worker[options.Workers];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Worker(i, _shared, options.PacketOutQueueLength, handovers);
        }
        Pipeline = new PipelineControl(_shared, _workers, Flows.Offloads);
        Queues = new QueueControl(_shared, Pipeline);
        Accounts = new PacketAccounting(_shared, _workers);
        PacketIns = new PacketInDelivery(options, _shared, _frames, Buffers, Accounts.Own);
        _packetOuts = new PacketOutSender(_workers[0], _shared, _frames, Buffers, Accounts.Own);
        Barriers = new BarrierControl(_shared, _workers, _packetOuts, Flows.Removed, Lock);
        _spanningTree = options.SpanningTree == null ? null : new SpanningTreeControl(
            options.SpanningTree, options.DatapathId, _shared, _frames, Accounts.Own, _workers, port => Ports!.Report(port));
        Ports = new PortControl(_shared, _workers, Pipeline, Queues, Flows.Offloads, PacketIns, Accounts, _spanningTree);
        Handover = new DatapathHandover(this, _shared, _workers, _frames);
        _hasWork = HasWork;
        Pipeline.Publish(new PipelineSettings { HasSpanningTree = _spanningTree != null });
    }

    /// <summary>The pool that these options ask for, to be shared by datapaths or not. The caller's.</summary>
    public static FramePool CreateFrames(DatapathOptions options) => new(
        options.FrameCount, options.FrameSize, options.LargeFrameCount + (options.Workers * options.MaxReassemblies), options.FrameMemory, options.AreFramesInUse);

    public ControlLock Lock { get; }

    public FlowModProcessor Flows { get; }

    public PortControl Ports { get; }

    public QueueControl Queues { get; }

    public PipelineControl Pipeline { get; }

    public PacketInDelivery PacketIns { get; }

    /// <summary>Packets that wait for a flow-mod or packet-out.</summary>
    public BufferedPackets Buffers { get; }

    public BarrierControl Barriers { get; }

    public PacketAccounting Accounts { get; }

    public DatapathHandover Handover { get; }

    /// <summary>The action lists of flow entries and packet-outs.</summary>
    public ActionListMemory ActionLists => _shared.Lists;

    /// <summary>Time since the datapath was made, by the workers' clock. Any thread.</summary>
    public TimeSpan Uptime => TimeSpan.FromTicks(_shared.Clock.Ticks);

    public ulong DatapathId => _options.DatapathId;

    /// <summary>Whether there is a spanning tree: OFPC_STP.</summary>
    public bool HasSpanningTree => _spanningTree != null;

    /// <summary>Bit (1 &lt;&lt; <see cref="ActionKind"/>) set for each action that works.</summary>
    public uint SupportedActions { get; } = (1u << ((int)ActionKind.Enqueue + 1)) - 1;

    /// <summary>All packet memory; ports receive into it.</summary>
    public FramePool Frames => _shared.Frames;

    /// <summary>The bridge's part in the spanning tree, for tests; null without one.</summary>
    internal SpanningTreeBridge? Bridge => _spanningTree?.Bridge;

    /// <summary>Where stations are, for tests.</summary>
    internal StationTable Stations => _shared.Macs;

    /// <summary>The tables themselves, for tests.</summary>
    internal FlowTable Table => _shared.Table;

    /// <summary>
    /// Frames that are free, in a buffer or in a scheduler, for tests that account for every one; exact while the workers rest.
    /// </summary>
    internal int RestingFrameCount =>
        Frames.FreeCount + Frames.FreeLargeCount + _frames.FreeCount + Buffers.OccupiedCount + _workers.Sum(worker => worker.Frames.FreeCount + worker.HeldCount);

    /// <summary>The datapath's share of the pool, for tests.</summary>
    internal FrameQuota FrameQuota => _shared.FrameQuota!;

    /// <summary>The workers, which forward packets. <see cref="WorkerThreads"/> runs them; a test may run them itself.</summary>
    public IReadOnlyList<Worker> Workers => _workers;

    /// <summary>Receiver of packet-ins, flow-removed and port-status; set once, before the workers run.</summary>
    public IControlEvents? Events
    {
        get => _events;
        set => _events = PacketIns.Events = Flows.Removed.Events = Ports.Events = value;
    }

    /// <summary>Takes the control lock for one call, or for several that belong together. Threads get the lock in the order they came.</summary>
    /// <remarks>
    /// No other command reads or changes flow entries until the result is disposed of. A call that reads or removes many entries releases the lock from time
    /// to time, so that other threads can do work that needs no flow entries.
    /// </remarks>
    /// <param name="host">Told when a long call releases the lock and takes it again; may be null.</param>
    public ControlScope Enter(ICommandHost? host = null)
    {
        Lock.Enter(withTable: true, host);
        return new ControlScope(Lock);
    }

    /// <summary>
    /// Takes the lock for calls that neither read nor change flow entries: ports, packet-outs, barriers, <see cref="Service"/>. Does not wait
    /// until a long command ends.
    /// </summary>
    public ControlScope EnterWithoutTable()
    {
        Lock.Enter(withTable: false, host: null);
        return new ControlScope(Lock);
    }

    /// <summary>As <see cref="EnterWithoutTable"/>, but gives up after a time. Not for a thread that holds the lock.</summary>
    /// <param name="scope">To be disposed of if the result is true.</param>
    public bool TryEnterWithoutTable(int milliseconds, out ControlScope scope)
    {
        bool isEntered = Lock.TryEnter(milliseconds);
        scope = isEntered ? new ControlScope(Lock) : default;
        return isEntered;
    }

    /// <summary>The control thread's loop. It ends when it is told to stop and <see cref="Wake"/> is called, or when <see cref="Service"/> throws.</summary>
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

    /// <summary>Delivers some of the packets that workers queued, removes flow entries that timed out, notices link changes.</summary>
    /// <returns>
    /// Milliseconds until the next call is due; it may come sooner, when <see cref="WaitForWork"/> returns. 0 if there is more to do at once:
    /// the caller releases the control lock between two slices of the work, so that other threads can take it.
    /// </returns>
    /// <exception cref="InvalidOperationException">A worker is stuck in its pass: the switch cannot go on.</exception>
    public int Service()
    {
        _shared.Grace.ThrowIfStuck();
        int pause = PacketIns.Deliver();
        DrainIdleFrames();
        Buffers.Expire();
        int untilOffloads = Flows.Offloads.Service(_shared.Clock.Milliseconds); // first: what hardware used last is then known as of now
        bool hasMore = Flows.Service();
        _packetOuts.Reclaim();
        Ports.CheckLinks();
        int untilTree = _spanningTree?.Service() ?? LongestServiceInterval;
        int interval = hasMore ? 0 : _shared.Grace.HasWork || Flows.Removed.HasReports ? 1 : Flows.Timeouts.Any ? TimerWheel.TickMilliseconds : LongestServiceInterval;
        interval = Math.Min(interval, Math.Min(untilTree, untilOffloads));
        return pause < 0 ? interval : Math.Min(interval, pause);
    }

    /// <summary>Returns the control side's free frames to the pool if it has delivered no packet-in since the last turn.</summary>
    private void DrainIdleFrames()
    {
        bool isIdle = PacketIns.Delivered == _deliveredBefore;
        _deliveredBefore = PacketIns.Delivered;
        if (isIdle && _frames.FreeCount > 0)
        {
            _frames.Drain();
        }
    }

    /// <summary>Without the control lock: sleeps until a worker has queued something, or for the given time.</summary>
    public void WaitForWork(int milliseconds)
    {
        if (PacketIns.IsPaused)
        {
            // Packet-ins wait for the rate limit, or for another thread that wants the control lock. Workers would wake this thread all the time.
            Thread.Sleep(Math.Clamp(milliseconds, 1, LongestPacketInPause));
            return;
        }
        _shared.Service.Wait(milliseconds, _hasWork);
    }

    /// <summary>Without the control lock, any thread: ends <see cref="WaitForWork"/>, or the next one at once.</summary>
    public void Wake() => _shared.Service.RaiseAlways();

    /// <summary>Applies a flow-mod; with a buffer id the buffered packet is then treated by the new entry's actions (§5.3.3).</summary>
    /// <returns>An error of the flow-mod itself, which then changed nothing, or of the buffer.</returns>
    public ControlError Apply(in FlowMod mod)
    {
        ControlError error = Flows.Apply(mod);
        bool usesBuffer = mod.BufferId != FlowMod.NoBuffer && mod.Command is not (FlowModCommand.Delete or FlowModCommand.DeleteStrict);
        return error == ControlError.None && usesBuffer ? _packetOuts.SendBuffered(mod.BufferId, null, mod.Actions) : error;
    }

    /// <summary>Sends a packet (§5.3.6).</summary>
    /// <param name="bufferId">A buffer, or <see cref="FlowMod.NoBuffer"/>: then <paramref name="data"/> is the packet. Without both, nothing is done.</param>
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
            return _packetOuts.SendBuffered(bufferId, inPort, actions);
        }
        return _packetOuts.Send(inPort, actions, data);
    }

    /// <summary>The flow table as controllers see it. Look-ups include those that ended in hardware; there is room for <see
    /// cref="DatapathOptions.MaxExactEntries"/> entries without wildcards and <see cref="DatapathOptions.MaxWildcardEntries"/> with them.</summary>
    public TableStatistics ReadTable()
    {
        ReadLookups(out ulong lookups, out ulong exact, out ulong wildcard);
        return new TableStatistics(
            FlowFilter.FlowTable, "flows", FlowWildcards.All, (uint)(_options.MaxExactEntries + _options.MaxWildcardEntries),
            (uint)(Table.Exact.Count + Table.Wildcard.Count), lookups, exact + wildcard);
    }

    /// <summary>One of the two structures that the flow table consists of.</summary>
    /// <param name="part">0 for exact, 1 for wildcard entries.</param>
    public TableStatistics ReadTable(int part)
    {
        ReadLookups(out ulong lookups, out ulong exact, out ulong wildcard);
        return part == 0
            ? new TableStatistics(0, "exact", FlowWildcards.None, (uint)_options.MaxExactEntries, (uint)Table.Exact.Count, lookups, exact)
            : new TableStatistics(1, "wildcard", FlowWildcards.All, (uint)_options.MaxWildcardEntries, (uint)Table.Wildcard.Count, lookups - exact, wildcard);
    }

    /// <summary>Makes a tracer that follows packets through the switch as it is now. Valid until the control lock is released.</summary>
    /// <param name="before">The tracer of earlier packets: the new one knows the stations that it has learned. Stays the caller's; null for none.</param>
    public PacketTracer CreateTracer(PacketTracer? before = null) => new(_shared, before);

    /// <summary>Disposes of ports and memory. The workers' threads have ended.</summary>
    /// <exception cref="AggregateException">The exceptions of devices, after everything was disposed of.</exception>
    public void Dispose()
    {
        List<Exception> failures = Ports.Close(out SwitchPort[] ports);
        Buffers.Clear();
        Array.ForEach(ports, port => PacketIns.Discard(port.PacketIns));
        PacketIns.Discard(_shared.PortlessPacketIns);
        foreach (Worker worker in _workers)
        {
            worker.Dispose(); // the packets it held are still counted
        }
        foreach (SwitchPort port in ports)
        {
            port.EndAccounts();
        }
        Accounts.Dispose();
        Flows.Dispose();
        _frames.Drain();
        _shared.Frames.Leave();
        _shared.Dispose();
        if (_ownsFrames)
        {
            _shared.Frames.Dispose();
        }
        ThrowIfAny(failures);
    }

    /// <summary>Instead of <see cref="Dispose"/> when a worker's thread does not end, and the process is about to: interfaces are left as they were found. The memory
    /// stays, for that worker to use. If it wakes and uses a closed device, the process is ending anyway.</summary>
    /// <exception cref="AggregateException">The exceptions of devices, after all ports were disposed of.</exception>
    public void Abandon() => ThrowIfAny(Ports.Close(out _));

    private void ReadLookups(out ulong lookups, out ulong exact, out ulong wildcard)
    {
        OffloadTotals offloaded = Flows.Offloads.ReadTotals();
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

    private static void ThrowIfAny(List<Exception> failures)
    {
        if (failures.Count > 0)
        {
            throw new AggregateException("some ports could not be closed", failures);
        }
    }

    private bool HasWork() => PacketIns.HasWaiting || Array.Exists(_workers, static worker => worker.Bpdus.HasIncoming);
}
