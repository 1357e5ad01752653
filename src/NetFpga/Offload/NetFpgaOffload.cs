using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Offload.Writing;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload;

/// <summary>Copies as much of the switch's flow table to a NetFPGA card as the card can execute. All other frames go to the host.</summary>
/// <remarks>
/// <see cref="Placement"/> plans the card's tables, <see cref="CardTableWriter"/> writes them, <see cref="CardResetDetector"/> checks that
/// the card still has them. If a register access fails, the card forwards nothing more: its tables are cleared, rows before slots and from the bottom up,
/// so that no frame meets an entry that a cleared one shielded. All frames go to the host until the card answers again. If the tables cannot be
/// cleared either, the card goes on forwarding by them; the switch tries again and again, and logs that.
/// <para>
/// A card that is out of step (<see cref="PipelineSyncMonitor"/>) is reset, and its tables are written again. Any host can cause that with one frame. So if
/// it happens again and again, the card gets its flows back after ever longer pauses; meanwhile it is four plain interfaces.
/// </para>
/// </remarks>
internal sealed class NetFpgaOffload : IFlowOffload
{
    private const string OffReason = "offload=off";

    private const string OutOfStepReason = "out of step again and again: flows are back on the card when that has stopped for a while";

    private const int SliceMilliseconds = 100;

    /// <summary>Milliseconds between two checks whether the card is in step.</summary>
    private const int StepMilliseconds = 200;

    /// <summary>If the card was in step for so long before it is reset, it gets its flows back at once.</summary>
    private const int CalmMilliseconds = 120_000;

    /// <summary>Flows without a slot that the switch tries to place again, in each slice.</summary>
    private const int Retries = 256;

    private readonly IRegisterAccess _registers;
    private readonly Action<string> _log;
    private readonly Placement _placement;
    private readonly CardTableWriter _tables;
    private readonly Action _reset;
    private readonly CardResetDetector _watch;
    private readonly PipelineSyncMonitor _step;
    private readonly CardClock _clock = new();
    private readonly Backoff _backoff = new();
    private readonly Backoff _mendBackoff = new();
    private readonly Dictionary<uint, CardFlow> _flows = [];
    private readonly Dictionary<uint, CardFlow> _removed = [];

    private OffloadTotals _totals;
    private string? _suspended;
    private string? _failure;
    private bool _isDisposed;
    private long _rowsPolled;
    private long _stepSeen;
    private long? _mended;

    /// <summary>Takes the card over: writes the reserved rows and empties its tables. Does not throw: a card that fails is tried again by <see cref="Service"/>.</summary>
    /// <param name="registers">Disposed by the card's owner. As long as this object lives, no other code may write to tables and statistics.</param>
    /// <param name="switchPortNumbers">The switch's numbers of card ports 0 to 3; 0 for one that is no port of the switch.</param>
    /// <param name="log">Takes a line for people.</param>
    /// <param name="reset">Resets the card and returns when it takes writes again; null: by the register alone.</param>
    public NetFpgaOffload(
        IRegisterAccess registers, CardLayout layout, OffloadLevel level, ReadOnlySpan<ushort> switchPortNumbers, Action<string> log, Action? reset = null)
    {
        if (switchPortNumbers.Length != CardPort.Count)
        {
            throw new ArgumentException($"a card has {CardPort.Count} ports", nameof(switchPortNumbers));
        }
        _registers = registers;
        _log = log;
        _placement = new Placement(layout, level, switchPortNumbers);
        _tables = new CardTableWriter(registers, layout, Credit, Log);
        _reset = reset ?? (() => CardStart.Reset(registers));
        _watch = new CardResetDetector(registers, layout);
        _step = new PipelineSyncMonitor(registers);
        Level = level;
        _suspended = level == OffloadLevel.Off ? OffReason : null;
        Guarded(() =>
        {
            _step.Begin();
            Prepare();
        });
    }

    public OffloadLevel Level { get; }

    /// <summary>Why the card forwards no flow at the moment, for people; null if it may forward.</summary>
    public string? IdleReason => _failure ?? _suspended ?? (_tables.IsFilled ? null : OutOfStepReason);

    /// <summary>Rows in use of the 24.</summary>
    public int RowsUsed => _tables.RowsUsed;

    /// <summary>Slots in use of the 32,768, those that punt included.</summary>
    public int SlotsUsed => _tables.SlotsUsed;

    public void Add(in OffloadEntry entry)
    {
        CardFlow flow = _placement.Make(entry);
        _flows[entry.Id] = flow;
        _placement.Add(flow);
        Update();
    }

    public void Replace(uint replaced, in OffloadEntry entry)
    {
        if (!_flows.Remove(replaced, out CardFlow? old))
        {
            Add(entry);
            return;
        }
        _removed[replaced] = old;
        CardFlow flow = _placement.Make(entry);
        _flows[entry.Id] = flow;
        _placement.Replace(old, flow);
        Update();
    }

    public void Modify(uint id, ReadOnlySpan<FlowAction> actions)
    {
        if (_flows.TryGetValue(id, out CardFlow? flow))
        {
            flow.Actions = actions.ToArray();
            _placement.Modify(flow);
            Update();
        }
    }

    public void Remove(uint id)
    {
        if (_flows.Remove(id, out CardFlow? flow))
        {
            _removed[id] = flow;
            _placement.Remove(flow);
            Update(flow);
        }
    }

    public void Forget(uint id) => _removed.Remove(id);

    public OffloadCounters Read(uint id) => Find(id) is CardFlow flow ? new OffloadCounters(flow.Packets, flow.Bytes, flow.LastUsed) : default;

    public OffloadCounters Poll(uint id)
    {
        if (_tables.IsFilled && _flows.TryGetValue(id, out CardFlow? flow))
        {
            Guarded(() => _tables.Poll(flow));
        }
        return Read(id);
    }

    public string? Obstacle => "a NetFPGA card forwards for it";

    public OffloadTotals ReadTotals() => _totals;

    public void SetPorts(ReadOnlySpan<OffloadPort> ports)
    {
        _placement.SetPorts(ports, _flows.Values);
        Update();
    }

    public void Suspend(string? reason)
    {
        _suspended = Level == OffloadLevel.Off ? OffReason : reason;
        if (_failure == null && !_isDisposed)
        {
            Guarded(MayServe ? Serve : _tables.Clear);
        }
    }

    public int Service(long now)
    {
        _clock.Tell(now);
        if (_isDisposed)
        {
            return CardPoller.SlotMilliseconds;
        }
        if (_failure != null)
        {
            return Retry(now);
        }
        Guarded(() => LookAfter(now));
        return _failure != null ? CardPoller.RowMilliseconds : _tables.SlotsUsed > 0 ? SliceMilliseconds : StepMilliseconds;
    }

    /// <summary>One flow in force and its place on the card; null for an unknown id.</summary>
    public OffloadedFlow? Describe(uint id) => _flows.TryGetValue(id, out CardFlow? flow) ? Describe(flow) : null;

    /// <summary>Every flow in force and its place on the card, by id.</summary>
    public IReadOnlyList<OffloadedFlow> Describe() => [.. _flows.Values.OrderBy(flow => flow.Id).Select(Describe)];

    /// <summary>Reads the hits of the rows in use, each counted since the row was put in.</summary>
    public IReadOnlyDictionary<int, CardHits> PollRowHits()
    {
        Guarded(_tables.PollRows);
        return _tables.RowHits();
    }

    /// <summary>Leaves the card with the reserved rows only: four interfaces.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            Guarded(_tables.Clear);
            _isDisposed = true;
        }
    }

    private bool MayServe => _suspended == null && _mendBackoff.Remaining(_clock.Now) == 0;

    private CardFlow? Find(uint id) => _flows.GetValueOrDefault(id) ?? _removed.GetValueOrDefault(id);

    /// <summary>Writes the planned changes to the card.</summary>
    /// <param name="removed">The flow that was removed from the table, if any.</param>
    private void Update(CardFlow? removed = null)
    {
        WriteChanges(removed);
        if (_placement.TryEndExchange())
        {
            WriteChanges(removed: null);
        }
    }

    private void WriteChanges(CardFlow? removed)
    {
        IReadOnlyList<SlotChange> slots = _placement.TakeChanges();
        IReadOnlyList<RowItem>? rows = _placement.PlanRows() ? _placement.Rows : null;
        if (_tables.IsFilled)
        {
            Guarded(() => _tables.Change(slots, rows, removed));
        }
    }

    /// <summary>Reserved rows before anything else (docs/netfpga-hardware.md, rule 5); then it empties the tables and writes the flows.</summary>
    private void Prepare()
    {
        _watch.WriteReservedRows();
        _tables.Clear();
        _watch.Mark();
        if (MayServe)
        {
            Serve();
        }
    }

    private void Serve()
    {
        if (!_tables.IsFilled)
        {
            _tables.Fill(_placement);
        }
    }

    private void LookAfter(long now)
    {
        if (now - _stepSeen >= StepMilliseconds)
        {
            _stepSeen = now;
            if (_step.IsOutOfStep())
            {
                if (_watch.FindLoss() is string reset)
                {
                    Restore(reset);
                }
                else
                {
                    Mend(now);
                }
                return;
            }
        }
        if (now - _rowsPolled >= CardPoller.RowMilliseconds)
        {
            _rowsPolled = now;
            if (_watch.FindLoss() is string loss)
            {
                Restore(loss);
                return;
            }
            if (_tables.IsFilled)
            {
                _tables.Poller.LookAtRows();
            }
        }
        if (!_tables.IsFilled)
        {
            if (MayServe)
            {
                Serve();
            }
            return;
        }
        _tables.Poller.LookAtSlots(now);
        if (_placement.RetryWaiting(Retries))
        {
            Update();
        }
    }

    private void Restore(string loss)
    {
        Log($"{loss}; its tables are written again");
        BeginIfReset();
        _tables.InvalidateRows();
        _tables.InvalidateSlots();
        Prepare();
    }

    /// <summary>Begins the step check anew after a reset. A card that only lost its tables goes on counting, and may be out of step.</summary>
    private void BeginIfReset()
    {
        if (_watch.WasReset())
        {
            _step.Begin();
        }
    }

    /// <summary>
    /// Reads the tables' counters, resets the card, which empties the tables and brings it into step, and writes them again. The counters are right:
    /// out of step, a frame hits the right entry, and only gets the action of another frame.
    /// </summary>
    private void Mend(long now)
    {
        if (_mended is long last && now - last < CalmMilliseconds)
        {
            _mendBackoff.Fail(now);
        }
        else
        {
            _mendBackoff.Reset();
        }
        _mended = now;
        int wait = _mendBackoff.Remaining(now);
        Log($"out of step: a frame had no lookup result (E9); it is reset and its tables are written again{(wait > 0 ? $", flows in {wait / 1000} s" : string.Empty)}");
        _tables.Clear();
        _reset();
        _step.BeginAfterReset();
        _tables.InvalidateSlots();
        Prepare();
    }

    private void Credit(CardFlow flow, uint packets, uint bytes)
    {
        flow.Credit(packets, bytes, _clock.Now);
        _totals = flow.Class == FlowClass.Exact
            ? _totals with { ExactMatches = _totals.ExactMatches + packets }
            : _totals with { WildcardMatches = _totals.WildcardMatches + packets };
    }

    private void Log(string line) => _log($"NetFPGA card ({_registers.Transport}): {line}");

    /// <summary>Runs an action on registers. If an access fails, the card is taken out of use.</summary>
    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (RegisterAccessException e)
        {
            Fail(e.Message, _clock.Now);
        }
    }

    /// <summary>A half-written entry may do anything (docs/netfpga-hardware.md, rule 15): all flows leave the card, and the software forwards alone.</summary>
    private void Fail(string message, long now)
    {
        bool isNew = _failure == null;
        _failure = $"the card does not answer: {message}";
        _backoff.Fail(now);
        string fate = "all frames go to the host";
        try
        {
            _tables.Clear();
            _tables.InvalidateSlots();
        }
        catch (RegisterAccessException)
        {
            fate = $"{_tables.MayBeInForce} could not be cleared, and the card may go on forwarding by them";
        }
        if (isNew)
        {
            Log($"{message}; offload is suspended: {fate}");
        }
    }

    /// <returns>Milliseconds until the next try.</returns>
    private int Retry(long now)
    {
        if (_backoff.Remaining(now) is int remaining and > 0)
        {
            return remaining;
        }
        try
        {
            if (_watch.FindLoss() != null)
            {
                _tables.InvalidateRows();
            }
            BeginIfReset();
            _tables.InvalidateSlots();
            Prepare();
        }
        catch (RegisterAccessException e)
        {
            Fail(e.Message, now);
            return _backoff.Remaining(now);
        }
        _failure = null;
        _backoff.Reset();
        Log("it answers again; flows are back on the card");
        return SliceMilliseconds;
    }

    private OffloadedFlow Describe(CardFlow flow)
    {
        string? reason = _tables.IsFilled ? ReasonOf(flow) : IdleReason;
        return new OffloadedFlow(flow.Id, reason == null, _tables.SlotOf(flow), _tables.RowsOf(flow), reason);
    }

    private static string? ReasonOf(CardFlow flow) => flow.Role switch
    {
        FlowRole.None => flow.Reason ?? "none of its frames come by an open port of this card",
        FlowRole.Slot => flow.Reason ?? (flow.SlotPunts ? "its port is closed to its frames" : null),
        _ => flow.Reason ?? flow.Unplaced,
    };
}
