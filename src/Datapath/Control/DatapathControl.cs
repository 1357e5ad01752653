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
/// Threads: every member is used by one thread at a time, the one that entered the control lock (<see cref="Enter"/>, <see cref="EnterWithoutTable"/>), but for
/// <see cref="Workers"/>, which run on threads of their own and never do, and <see cref="WaitForWork"/>. What a method changed is in force for every
/// packet that a worker receives after it returned.
/// </remarks>
internal sealed unsafe partial class DatapathControl : IDisposable
{
    // Retired entries that may wait for workers before an ADD has to.
    private const int RetiredReserve = 1 << 16;

    // A worker's counters are 32 bytes an entry, in an array of at most 2^31 bytes.
    private const int MaxEntries = (1 << 26) - RetiredReserve - 2;

    // How many milliseconds a port that was removed waits for a worker to let go of it, before its device is closed.
    private const int AdoptionPatience = 1000;

    private const int LongestServiceInterval = 500;
    private const int LinkCheckInterval = 250;

    private const int LongestPacketInPause = 10;

    private readonly ControlLock _lock;
    private readonly DatapathOptions _options;
    private readonly bool _ownsFrames;
    private readonly WorkerShared _shared;
    private readonly FlowStore _store;
    private readonly FlowTable _table;
    private readonly ActionListMemory _lists;
    private readonly FlowModProcessor _flows;
    private readonly FrameCache _frames;
    private readonly BufferedPackets _buffers;
    private readonly PacketInDelivery _packetIns;
    private readonly PacketOutSender _packetOuts;
    private readonly Worker[] _workers;
    private readonly AccountBook _accounts;
    private readonly SpanningTreeControl? _spanningTree;
    private readonly Func<bool> _hasWork;
    private readonly long[] _flowModsDone = new long[(int)FlowModCommand.DeleteStrict + 1];
    private IControlEvents? _events;
    private int _nextPortWorker;
    private long _linksCheckedAt;
    private long _deliveredBefore;
    private volatile bool _linksChanged;

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
        _lock = new ControlLock(options.TimeProvider);
        _ownsFrames = frames == null;
        GracePeriod grace = new(options.Workers);
        FlowHash hash = options.Hash ?? FlowHash.CreateRandom();
        int entries = options.MaxExactEntries + options.MaxWildcardEntries + options.MaxEmergencyEntries + RetiredReserve;
        _store = new FlowStore(entries, options.Workers, options.AdviseHugePages);
        _table = new FlowTable(_store, grace, hash, options.AdviseHugePages);
        frames ??= CreateFrames(options);
        _lists = new ActionListMemory(grace, hash, options.ActionMemory);
        PacketInRoom room = new(frames);
        _shared = new WorkerShared
        {
            Frames = frames,
            FrameShare = frames.Join(),
            Table = _table,
            Lists = _lists,
            Grace = grace,
            Clock = new ControlClock(options.TimeProvider),
            Macs = new StationTable(hash),
            Service = new ServiceSignal(),
            FlowCacheCapacity = options.FlowCacheCapacity,
            MaxReassemblies = options.MaxReassemblies,
            ReassemblyTimeout = options.ReassemblyTimeout,
            PacketInRoom = room,
            PortlessPacketIns = new PacketInQueues(room),
        };
        _frames = frames.CreateCache(_shared.FrameShare);
        _buffers = new BufferedPackets(options.BufferCount, _frames, _shared.Clock, (long)options.BufferTimeout.TotalMilliseconds);
        _flows = new FlowModProcessor(options, _table, grace, _shared.Clock, _lists, _buffers, _lock);
        _queues = new QueueControl(_shared.Frames);
        HandoverRings handovers = new(options.Workers);
        _workers = new Worker[options.Workers];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Worker(i, _shared, options.PacketOutQueueLength, handovers);
        }
        _accounts = new AccountBook(_shared, _workers);
        _packetIns = new PacketInDelivery(options, _shared, _frames, _buffers, &_accounts.Own.Controller->Egress);
        _packetOuts = new PacketOutSender(_workers[0], _shared, _lists, _frames, _buffers, &_accounts.Own.Controller->Ingress);
        _spanningTree = options.SpanningTree == null ? null : new SpanningTreeControl(
            options.SpanningTree, options.DatapathId, _shared, _frames, &_accounts.Own.Switch->Ingress, _workers, port => _events?.OnPortStatus(PortStatusReason.Modify, port.Description));
        _hasWork = HasWork;
        Publish(new PipelineSettings { HasSpanningTree = _spanningTree != null });
    }

    /// <summary>The pool that these options ask for, to be shared by datapaths or not. The caller's.</summary>
    public static FramePool CreateFrames(DatapathOptions options) => new(
        options.FrameCount, options.FrameSize, options.LargeFrameCount + (options.Workers * options.MaxReassemblies), options.FrameMemory, options.AreFramesInUse);

    /// <summary>Whether others have waited for the control lock for so long that it is time to leave it; for whoever has entered it.</summary>
    public bool IsOthersTurn => _lock.IsOverdue;

    /// <summary>Since it was made, by the clock that workers go by. Any thread.</summary>
    public TimeSpan Uptime => TimeSpan.FromTicks(_shared.Clock.Ticks);

    public ulong DatapathId => _options.DatapathId;

    /// <summary>Whether there is a spanning tree: OFPC_STP.</summary>
    public bool HasSpanningTree => _spanningTree != null;

    /// <summary>Packets that can wait in buffers for a flow-mod or packet-out; 0 if none can.</summary>
    public int BufferCount => _options.BufferCount;

    /// <summary>Packets in buffers now.</summary>
    internal int BufferedPacketCount => _buffers.OccupiedCount;

    /// <summary>Bit (1 &lt;&lt; <see cref="ActionKind"/>) set for each action that works.</summary>
    public uint SupportedActions { get; } = (1u << ((int)ActionKind.Enqueue + 1)) - 1;

    /// <summary>All packet memory; ports receive into it.</summary>
    public FramePool Frames => _shared.Frames;

    /// <summary>The bridge's part in the spanning tree, for tests; null without one.</summary>
    internal SpanningTreeBridge? Bridge => _spanningTree?.Bridge;

    /// <summary>Where stations are, for tests.</summary>
    internal StationTable Stations => _shared.Macs;

    /// <summary>The tables themselves, for tests.</summary>
    internal FlowTable Table => _table;

    /// <summary>
    /// Frames that are free, in a buffer or in a scheduler, for tests that account for every one; exact while the workers rest.
    /// </summary>
    internal int RestingFrameCount =>
        Frames.FreeCount + Frames.FreeLargeCount + _frames.FreeCount + _buffers.OccupiedCount + _workers.Sum(worker => worker.Frames.FreeCount + worker.HeldCount);

    /// <summary>What it has of the pool, for tests.</summary>
    internal FrameShare FrameShare => _shared.FrameShare!;

    /// <summary>Action lists in native memory, for tests.</summary>
    internal int ActionListCount => _lists.ListCount;

    /// <summary>Bytes of these lists, and how many there may be.</summary>
    public long ActionListBytes => _lists.UsedBytes;

    public long ActionListLimit => _options.ActionMemory;

    /// <summary>Entries of the emergency table.</summary>
    public int EmergencyCount => _flows.Emergency.Count;

    /// <summary>What forwards: to be run by <see cref="WorkerThreads"/>, or in tests by whoever calls them.</summary>
    public IReadOnlyList<Worker> Workers => _workers;

    /// <summary>Receiver of packet-ins, flow-removed and port-status; set once, before the workers run.</summary>
    public IControlEvents? Events
    {
        get => _events;
        set => _events = _packetIns.Events = _flows.Removed.Events = value;
    }

    public MissBehaviour MissBehaviour
    {
        get => _shared.Settings.Miss;
        set => Publish(_shared.Settings with { Miss = value });
    }

    /// <summary>
    /// What becomes of IPv4 fragments; of the switch, whichever connection sets it. In force from the workers' next passes on.
    /// </summary>
    public FragmentHandling FragmentHandling
    {
        get => _shared.Settings.Fragments;
        set => Publish(_shared.Settings with { Fragments = value });
    }

    /// <summary>
    /// What is forwarded past the flow table; null, as at first, without in-band control. In force from the workers' next passes on.
    /// </summary>
    public InBandTraffic? InBand
    {
        get => _shared.Settings.InBand;
        set => Publish(_shared.Settings with { InBand = value });
    }

    /// <summary>Flow-mods done, by command; whoever sent one that was not has the error.</summary>
    public ReadOnlySpan<long> FlowModsDone => _flowModsDone;

    /// <summary>Packet-ins given to <see cref="Events"/>.</summary>
    public long DeliveredPacketIns => _packetIns.Delivered;

    /// <summary>Changes what <see cref="DatapathOptions.PacketInRate"/> and <see cref="DatapathOptions.PacketInBurst"/> said at first.</summary>
    public void LimitPacketIns(int rate, int burst)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rate);
        _packetIns.Limit(rate, burst);
        Wake(); // those that wait may go earlier now
    }

    /// <summary>Enters the control lock, around a call or calls that belong together, in the order of those who come.</summary>
    /// <remarks>
    /// Nobody else's command sees or changes flow entries until the result is disposed of. A call that looks at or removes many entries leaves the control lock in between for
    /// others, which can do what needs no flow entries.
    /// </remarks>
    /// <param name="host">Told of that; may be null.</param>
    public ControlScope Enter(ICommandHost? host = null)
    {
        _lock.Enter(withTable: true, host);
        return new ControlScope(_lock);
    }

    /// <summary>
    /// The same for what neither reads nor changes flow entries: ports, packet-outs, barriers, <see cref="Service"/>. Does not wait for
    /// long commands.
    /// </summary>
    public ControlScope EnterWithoutTable()
    {
        _lock.Enter(withTable: false, host: null);
        return new ControlScope(_lock);
    }

    /// <summary>As <see cref="EnterWithoutTable"/>, for who would rather go without than wait for long. Not by who is in it.</summary>
    /// <param name="scope">To be disposed of if the result is true.</param>
    public bool TryEnterWithoutTable(int milliseconds, out ControlScope scope)
    {
        bool isEntered = _lock.TryEnter(milliseconds);
        scope = isEntered ? new ControlScope(_lock) : default;
        return isEntered;
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
    /// do at once: the control lock is given up between two slices of it, for others to enter.
    /// </returns>
    /// <exception cref="InvalidOperationException">Somebody waited for a worker in vain: the switch cannot go on.</exception>
    public int Service()
    {
        _shared.Grace.ThrowIfStuck();
        int pause = _packetIns.Deliver();
        DrainIdleFrames();
        bool hasMore = _flows.Timeouts.Expire();
        _buffers.Expire();
        hasMore |= ReclaimUntilOthersTurn();
        hasMore |= MoveUntilOthersTurn();
        EndShortage();
        _packetOuts.Reclaim();
        CheckLinks();
        int untilTree = _spanningTree?.Service() ?? LongestServiceInterval;
        int interval = hasMore ? 0 : _shared.Grace.HasWork || _flows.Removed.HasReports ? 1 : _flows.Timeouts.Any ? TimerWheel.TickMilliseconds : LongestServiceInterval;
        interval = Math.Min(interval, untilTree);
        interval = Math.Min(interval, _flows.Offloads.Service(_shared.Clock.Milliseconds));
        return pause < 0 ? interval : Math.Min(interval, pause);
    }

    /// <summary>Frames that the control side has had no use for since the last turn but one are of more use to others.</summary>
    private void DrainIdleFrames()
    {
        bool isIdle = _packetIns.Delivered == _deliveredBefore;
        _deliveredBefore = _packetIns.Delivered;
        if (isIdle && _frames.FreeCount > 0)
        {
            _frames.Drain();
        }
    }

    /// <summary>Without the control lock: sleeps until a worker has queued something, or for the given time.</summary>
    public void WaitForWork(int milliseconds)
    {
        if (_packetIns.IsPaused)
        {
            // There is work, but it must wait: for the rate limit, or for whoever else wants the control lock. Workers would wake us all the time.
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
        bool isDelete = mod.Command is FlowModCommand.Delete or FlowModCommand.DeleteStrict;
        ControlError error = _flows.Apply(mod);
        if (error == ControlError.None)
        {
            _flowModsDone[(int)mod.Command]++;
        }
        _shared.Grace.Poll(ReclaimSlice);
        _flows.Removed.Report(ReclaimSlice);
        if (_shared.Grace.HasWork || _flows.Removed.HasReports)
        {
            _shared.Service.RaiseAlways();
        }
        bool usesBuffer = mod.BufferId != FlowMod.NoBuffer && !isDelete;
        return error == ControlError.None && usesBuffer ? _packetOuts.SendBuffered(mod.BufferId, null, mod.Actions) : error;
    }

    /// <summary>Puts an entry into force as <see cref="NextFlow"/> described it, with its age, use and counters; or into the emergency table, by its table id.</summary>
    /// <remarks>Neither counted as a flow-mod nor checked for overlaps. One that is identical is replaced. The table has no reports of its own to send.</remarks>
    /// <returns>What an ADD of it would be refused for; then nothing changed.</returns>
    public ControlError Restore(in FlowStatistics entry) => _flows.Restore(entry);

    /// <summary>Told of each change of the tables from now on; null for nobody, as at first. What there is already is for <see cref="NextFlow"/> to tell.</summary>
    public ITableObserver? TableObserver
    {
        get => _flows.Observer;
        set => _flows.Observer = value;
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
            return _packetOuts.SendBuffered(bufferId, inPort, actions);
        }
        return _packetOuts.Send(inPort, actions, data);
    }

    /// <summary>Whether the emergency entries are in force (§4.3).</summary>
    public bool InEmergency => _flows.Emergency.InForce;

    /// <summary>
    /// Contact with the controller is lost: puts the emergency entries in force and deletes all others. No packet meets neither.
    /// </summary>
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

    /// <summary>
    /// Has hardware forward part of the packets. It is told of entries and ports that there are, and is the datapath's from now on.
    /// </summary>
    public void AddOffload(IFlowOffload offload)
    {
        ArgumentNullException.ThrowIfNull(offload);
        _flows.Offloads.Attach(offload);
    }

    /// <summary>Disposes of ports and memory. The workers' threads have ended.</summary>
    /// <exception cref="AggregateException">What devices threw, after everything was disposed of.</exception>
    public void Dispose()
    {
        SwitchPort[] ports = [.. _shared.Ports.Ports, .. _removedInVain];
        List<Exception> failures = DisposePorts();
        _buffers.Clear();
        Array.ForEach(ports, port => _packetIns.Discard(port.PacketIns));
        _packetIns.Discard(_shared.PortlessPacketIns);
        foreach (Worker worker in _workers)
        {
            worker.Dispose(); // what they held is still counted
        }
        foreach (SwitchPort port in ports)
        {
            port.EndAccounts();
        }
        _accounts.Dispose();
        _flows.Dispose();
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
    /// stays, for that worker to use; should it wake up and meet a closed device, the end is none the better and none the worse.</summary>
    /// <exception cref="AggregateException">What devices threw, after all ports were disposed of.</exception>
    public void Abandon() => ThrowIfAny(DisposePorts());

    private List<Exception> DisposePorts()
    {
        List<Exception> failures = [];
        _flows.Offloads.Dispose();
        // Packet sockets have no part in each other, and the kernel takes its time to close one.
        ILookup<bool, SwitchPort> ports = _shared.Ports.Ports.Concat(_removedInVain).ToLookup(port => port.Device is { IsLinkAnnounced: true, TakesOffloads: true });
        foreach (SwitchPort port in ports[false])
        {
            Dispose(port);
        }
        SwitchPort[] slow = [.. ports[true]];
        SideBySide.Run(slow.Length, i => Dispose(slow[i]));
        _shared.Settings = _shared.Settings with { Ports = PortSet.Empty, Captures = [] };
        return failures;

        void Dispose(SwitchPort port)
        {
            try
            {
                port.Dispose();
            }
#pragma warning disable CA1031 // the other interfaces are to be left as they were found whatever one device does
            catch (Exception e)
#pragma warning restore CA1031
            {
                lock (failures)
                {
                    failures.Add(e);
                }
            }
        }
    }

    private static void ThrowIfAny(List<Exception> failures)
    {
        if (failures.Count > 0)
        {
            throw new AggregateException("some ports could not be closed", failures);
        }
    }

    private bool HasWork() => _packetIns.HasWaiting || Array.Exists(_workers, static worker => worker.Bpdus.HasIncoming);
}
