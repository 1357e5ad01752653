using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>What each flow-mod command does (OpenFlow 1.0.0 §4.6), timeouts, and walks over the entries.</summary>
/// <remarks>
/// ADD and the strict commands cost the same with a million entries as with ten; MODIFY and DELETE with wildcards look at every
/// entry, in slices between which others can enter the gate. A removed entry's end is reported, and its memory reused, when no worker can count for it any
/// more, so the final counters are exact, and when there is room for the report: removed entries queue for it, so what waits is bounded by the table.
/// Threads: under the control gate.
/// </remarks>
internal sealed unsafe class FlowModProcessor : IReclaimer, IDisposable
{
    // Entries looked at, removed or reclaimed before it is looked whether others wait for the gate.
    private const int SliceLength = 64;

    private readonly DatapathOptions _options;
    private readonly FlowTable _table;
    private readonly FlowStore _store;
    private readonly GracePeriod _grace;
    private readonly ControlClock _clock;
    private readonly ActionListMemory _lists;
    private readonly ControlLock _gate;
    private readonly TimerWheel _timers;
    private readonly FlowAction[] _oneAction = new FlowAction[1];
    private ulong _sequence;
    private uint _firstReport;
    private uint _lastReport;
    private long _reads;

    public FlowModProcessor(
        DatapathOptions options, FlowTable table, GracePeriod grace, ControlClock clock, ActionListMemory lists, ControlLock gate)
    {
        _options = options;
        _table = table;
        _store = table.Store;
        _grace = grace;
        _clock = clock;
        _lists = lists;
        _gate = gate;
        _timers = new TimerWheel(_store, clock.Milliseconds);
        Offloads = new FlowOffloads(table);
        Emergency = new EmergencyTable(this, clock, lists, options.MaxEmergencyEntries);
    }

    /// <summary>What flow-mods with OFPFF_EMERG concern.</summary>
    public EmergencyTable Emergency { get; }

    /// <summary>Hardware that is kept in step.</summary>
    public FlowOffloads Offloads { get; }

    /// <summary>Receives the end of entries that asked for it.</summary>
    public IControlEvents? Events { get; set; }

    /// <summary>Whether <see cref="Expire"/> has anything to look after.</summary>
    public bool HasTimers => !_timers.IsEmpty;

    public ControlError Apply(in FlowMod mod)
    {
        bool exact = MatchNormalizer.Normalize(mod.Match, out FlowKey key, out FlowKey mask);
        switch (mod.Command)
        {
            case FlowModCommand.Add:
            case FlowModCommand.Modify:
            case FlowModCommand.ModifyStrict:
                ControlError error = ActionValidator.Validate(mod.Actions, forPacketOut: false);
                if (error != ControlError.None)
                {
                    return error;
                }
                if ((mod.Flags & FlowModFlags.Emergency) != 0)
                {
                    return Emergency.Apply(mod, key, mask, exact);
                }
                return mod.Command == FlowModCommand.Add ? Add(mod, key, mask, exact) : Modify(mod, key, mask, exact);
            case FlowModCommand.Delete or FlowModCommand.DeleteStrict when (mod.Flags & FlowModFlags.Emergency) != 0:
                return Emergency.Apply(mod, key, mask, exact);
            case FlowModCommand.Delete:
                DeleteCovered(mod, key, mask, exact);
                return ControlError.None;
            case FlowModCommand.DeleteStrict:
                DeleteStrict(mod, key, mask, exact);
                return ControlError.None;
            default:
                return ControlError.BadCommand;
        }
    }

    /// <summary>Whether the end of entries is still to be reported.</summary>
    public bool HasReports => _firstReport != 0;

    /// <summary>Ends of entries that ever were to be reported.</summary>
    public long ReportCount { get; private set; }

    /// <summary>How many of them, from the first on, are: to every receiver.</summary>
    public long ReportedCount { get; private set; }

    /// <summary>Removes what timed out.</summary>
    /// <returns>Whether there is more: it stops when others have waited at the gate for long.</returns>
    public bool Expire()
    {
        long now = _clock.Milliseconds;
        for (int visited = 0; _timers.TryTakeDue(now, out uint index);)
        {
            long due = DueAt(index, now, out FlowRemovedReason reason);
            if (due <= now && reason == FlowRemovedReason.IdleTimeout && Offloads.Any)
            {
                ReadCounters(index, poll: true);
                due = DueAt(index, now, out reason); // packets that hardware forwarded unseen keep it
            }
            if (due <= now)
            {
                Remove(index, reason);
            }
            else
            {
                _timers.Schedule(index, due);
            }
            if (++visited % SliceLength == 0 && _gate.IsOverdue)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Has each receiver take the end of up to so many entries, and frees so many that all of them have.</summary>
    /// <param name="force">Whether they are to take them even if they have no room.</param>
    /// <returns>Whether there is more that can be done at once.</returns>
    public bool Report(int limit, bool force = false)
    {
        if (!HasReports)
        {
            return false;
        }
        long reads = _reads;
        long taken = Math.Min(Events!.OnFlowsRemoved(limit, force), ReportCount);
        for (; limit > 0 && ReportedCount < taken; limit--)
        {
            uint index = _firstReport;
            _firstReport = _store.Records[index].Next;
            ReportedCount++;
            Free(index);
        }
        return HasReports && (_reads != reads || ReportedCount < taken);
    }

    /// <summary>The end of the next entry for one of the receivers; false if there is none.</summary>
    public bool TryRead(ref FlowRemovedCursor cursor, out FlowRemoved removed)
    {
        removed = default;
        if (cursor.Count >= ReportCount)
        {
            return false;
        }
        // What all have taken is free: then the next is the first that is left.
        uint index = cursor.Count > ReportedCount ? _store.Records[cursor.Last].Next : _firstReport;
        cursor = new FlowRemovedCursor(index, Math.Max(cursor.Count, ReportedCount) + 1);
        _reads++;
        ref FlowRecord record = ref _store.Records[index];
        FlowCounters counters = ReadCounters(index);
        removed = new FlowRemoved(
            MatchNormalizer.Report(record.Match), record.Cookie, record.Priority, record.RemovedReason, TimeSpan.FromTicks(record.RemovedAt - record.InstalledAt),
            record.IdleTimeoutSeconds, counters.Packets, counters.Bytes);
        return true;
    }

    /// <summary>Behind the last entry whose end is to be reported.</summary>
    public FlowRemovedCursor EndOfReports => new(_lastReport, ReportCount);

    public bool Next(ref uint cursor, in FlowFilter filter, out FlowStatistics statistics)
    {
        bool found = MoveNext(ref cursor, filter);
        statistics = default;
        if (found)
        {
            Describe(cursor, out statistics);
        }
        return found;
    }

    public AggregateStatistics Aggregate(in FlowFilter filter)
    {
        AggregateStatistics total = default;
        for (uint index = 0; MoveNext(ref index, filter);)
        {
            FlowCounters counters = ReadCounters(index, poll: true);
            total.PacketCount += counters.Packets;
            total.ByteCount += counters.Bytes;
            total.FlowCount++;
        }
        return total;
    }

    /// <summary>Workers have let go of a removed entry: frees it, at once or after its end is reported.</summary>
    void IReclaimer.Reclaim(nint item)
    {
        uint index = (uint)item;
        _lists.Return(_store.Entries[index].Actions);
        if (!_store.Records[index].ReportRemoval || Events == null)
        {
            Free(index);
            return;
        }
        if (HasReports)
        {
            _store.Records[_lastReport].Next = index;
        }
        else
        {
            _firstReport = index;
        }
        _lastReport = index;
        ReportCount++;
    }

    /// <summary>Puts a copy of an emergency entry in force, in place of an entry like it, even if the tables are full: others are about to go.</summary>
    /// <param name="actions">A reference that is the copy's from now on.</param>
    internal uint InstallCopy(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact, ActionsReference actions, uint emergencyId)
    {
        ulong hash = _table.Hash.Compute(key);
        uint index = Insert(mod, key, mask, exact, actions, hash, FindIdentical(mod, key, mask, exact, hash));
        _store.Records[index].EmergencyId = emergencyId;
        return index;
    }

    internal bool IsCopy(uint index, uint emergencyId) => IsInForce(index) && _store.Records[index].EmergencyId == emergencyId;

    /// <summary>What workers and hardware counted.</summary>
    /// <param name="poll">Whether hardware is asked now; else what it said last.</param>
    internal FlowCounters ReadCounters(uint index, bool poll = false)
    {
        FlowCounters total = _store.ReadCounters(index);
        Offloads.AddCounters(index, poll, ref total);
        return total;
    }

    /// <summary>Makes earlier copies entries like any other.</summary>
    internal void ForgetCopies()
    {
        for (uint index = 0; MoveNext(ref index);)
        {
            _store.Records[index].EmergencyId = 0;
        }
    }

    internal void RemoveAllButCopies()
    {
        for (uint index = 0; MoveNext(ref index);)
        {
            if (IsInForce(index) && _store.Records[index].EmergencyId == 0)
            {
                Remove(index, FlowRemovedReason.Delete);
            }
        }
    }

    public void Dispose() => _lists.Dispose();

    private bool IsInForce(uint index) => _store.Records[index].State is FlowRecordState.Exact or FlowRecordState.Wildcard;

    private ControlError Add(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        if ((mod.Flags & FlowModFlags.CheckOverlap) != 0 && Overlaps(key, mask, mod.Priority, exact))
        {
            return ControlError.Overlap;
        }
        ulong hash = _table.Hash.Compute(key);
        uint twin = FindIdentical(mod, key, mask, exact, hash);
        if (twin == 0 && (exact ? _table.Exact.Count >= _options.MaxExactEntries : _table.Wildcard.Count >= _options.MaxWildcardEntries))
        {
            return ControlError.AllTablesFull;
        }
        if (!_lists.TryCompile(mod.Actions, replaces: twin != 0, out ActionsReference actions))
        {
            return ControlError.AllTablesFull;
        }
        Insert(mod, key, mask, exact, actions, hash, twin);
        return ControlError.None;
    }

    /// <summary>Links a new entry, in the place of its twin if it has one.</summary>
    private uint Insert(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact, ActionsReference actions, ulong hash, uint twin)
    {
        uint index = Allocate();
        Fill(index, mod, key, actions, hash);
        ref FlowRecord record = ref _store.Records[index];
        if (twin != 0)
        {
            record.Sequence = _store.Records[twin].Sequence;
            if (exact)
            {
                _table.Exact.Replace(hash, twin, index);
            }
            else
            {
                _table.Wildcard.Replace(twin, index);
            }
        }
        else if (exact)
        {
            _table.Exact.Insert(hash, index);
        }
        else
        {
            _table.Wildcard.Insert(index, mask);
        }
        record.State = exact ? FlowRecordState.Exact : FlowRecordState.Wildcard;
        if (twin == 0)
        {
            Offloads.Add(index);
        }
        else
        {
            Offloads.Replace(twin, index);
            Retire(twin);
        }
        if ((record.IdleTimeoutSeconds | record.HardTimeoutSeconds) != 0)
        {
            _timers.Schedule(index, DueAt(index, _clock.Milliseconds, out _));
        }
        return index;
    }

    private void Fill(uint index, in FlowMod mod, in FlowKey key, ActionsReference actions, ulong hash)
    {
        ref FlowRecord record = ref _store.Records[index];
        record.Sequence = ++_sequence;
        record.Cookie = mod.Cookie;
        record.InstalledAt = _clock.Ticks;
        record.Hash = hash;
        record.Match = mod.Match;
        record.Priority = mod.Priority;
        record.IdleTimeoutSeconds = mod.IdleTimeoutSeconds;
        record.HardTimeoutSeconds = mod.HardTimeoutSeconds;
        record.Flags = mod.Flags;
        ref FlowEntry entry = ref _store.Entries[index];
        entry.Key = key;
        entry.Priority = mod.Priority;
        entry.Actions = actions;
    }

    /// <summary>Replaces the actions of every entry meant; if there is none, adds one.</summary>
    private ControlError Modify(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        // Once for all of them, before the first is changed.
        if (!_lists.TryCompile(mod.Actions, replaces: true, out ActionsReference actions))
        {
            return ControlError.AllTablesFull;
        }
        bool any = ModifyMeant(mod, key, mask, exact, actions);
        _lists.Return(actions);
        return any ? ControlError.None : Add(mod, key, mask, exact);
    }

    private bool ModifyMeant(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact, ActionsReference actions)
    {
        if (mod.Command == FlowModCommand.ModifyStrict || exact)
        {
            uint index = FindIdentical(mod, key, mask, exact, _table.Hash.Compute(key));
            if (index != 0)
            {
                ReplaceActions(index, actions, mod.Cookie);
            }
            return index != 0;
        }
        FlowFilter filter = new(mod.Match);
        bool any = false;
        for (uint index = 0; MoveNext(ref index, filter);)
        {
            ReplaceActions(index, actions, mod.Cookie);
            any = true;
        }
        return any;
    }

    // Counters and timeouts stay (§4.6); the cookie becomes the message's, as in Open vSwitch.
    internal void ReplaceActions(uint index, ActionsReference actions, ulong cookie)
    {
        ref ActionsReference place = ref _store.Entries[index].Actions;
        ActionsReference old = place;
        ActionsReference.Publish(ref place, _lists.Share(actions));
        _lists.Retire(old);
        _store.Records[index].Cookie = cookie;
        Offloads.Modify(index);
    }

    private void DeleteStrict(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        uint index = FindIdentical(mod, key, mask, exact, _table.Hash.Compute(key));
        if (index != 0 && OutputsTo(index, mod.OutPort))
        {
            Remove(index, FlowRemovedReason.Delete);
        }
    }

    private void DeleteCovered(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        if (exact)
        {
            DeleteStrict(mod, key, mask, exact);
            return;
        }
        FlowFilter filter = new(mod.Match, outPort: mod.OutPort);
        for (uint index = 0; MoveNext(ref index, filter);)
        {
            Remove(index, FlowRemovedReason.Delete);
        }
    }

    /// <summary>Goes on to the next entry that the filter covers, and lets others in on the way.</summary>
    private bool MoveNext(ref uint index, in FlowFilter filter)
    {
        while (MoveNext(ref index))
        {
            if (IsCovered(index, filter))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Goes on to the next index that was ever used, and lets others in on the way. What is at an index is to be looked at afterwards: time may have passed.</summary>
    private bool MoveNext(ref uint index)
    {
        if (index % SliceLength == 0)
        {
            _gate.Breathe();
        }
        return ++index <= _store.HighWater;
    }

    /// <summary>The one entry that an ADD replaces and that a strict command, or any command without wildcards, can mean.</summary>
    /// <remarks>An exact entry's priority decides nothing (§3.4), so it does not tell two of them apart.</remarks>
    private uint FindIdentical(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact, ulong hash) =>
        exact ? _table.Exact.Find(hash, key) : _table.Wildcard.FindStrict(key, mask, mod.Priority);

    /// <summary>Whether one packet could match both an entry of the same priority and this one (§4.6, OFPFF_CHECK_OVERLAP).</summary>
    private bool Overlaps(in FlowKey key, in FlowKey mask, ushort priority, bool exact)
    {
        if (exact)
        {
            // Only one packet matches it: what that packet finds, if it has the highest priority, overlaps.
            uint found = _table.Find(key);
            return found != 0 && RankOf(found) == ushort.MaxValue;
        }
        for (uint index = 0; MoveNext(ref index);)
        {
            if (!IsInForce(index) || RankOf(index) != priority)
            {
                continue;
            }
            FlowKey common = FlowKey.And(mask, MaskOf(index));
            if (FlowKey.Equals(FlowKey.And(key, common), FlowKey.And(_store.Entries[index].Key, common)))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>The priority that an entry in force competes with: an exact one has the highest, whatever it was given (§3.4).</summary>
    private ushort RankOf(uint index) =>
        _store.Records[index].State == FlowRecordState.Exact ? ushort.MaxValue : _store.Records[index].Priority;

    private FlowKey MaskOf(uint index) =>
        _store.Records[index].State == FlowRecordState.Exact ? FlowKey.AllOnes : _table.Wildcard.MaskOf(index);

    private bool IsCovered(uint index, in FlowFilter filter) =>
        IsInForce(index) && FlowFilter.IsFlowTable(filter.TableId)
        && filter.Covers(_store.Entries[index].Key, MaskOf(index)) && OutputsTo(index, filter.OutPort);

    private bool OutputsTo(uint index, ushort port) => ActionListMemory.SendsTo(_store.Entries[index].Actions, port, _oneAction);

    internal void Remove(uint index, FlowRemovedReason reason)
    {
        ref FlowRecord record = ref _store.Records[index];
        if (record.State == FlowRecordState.Exact)
        {
            _table.Exact.Remove(record.Hash, index);
        }
        else
        {
            _table.Wildcard.Remove(index);
        }
        record.ReportRemoval = (record.Flags & FlowModFlags.SendFlowRemoved) != 0;
        record.RemovedReason = reason;
        record.RemovedAt = _clock.Ticks;
        Offloads.Remove(index);
        Retire(index);
    }

    private void Retire(uint index)
    {
        _timers.Cancel(index);
        _store.Records[index].State = FlowRecordState.Retired;
        _grace.Retire(this, (nint)index);
    }

    /// <exception cref="InvalidOperationException">A worker is stuck, and what it may hold is all that is left.</exception>
    private uint Allocate()
    {
        uint index;
        while (!_store.TryAllocate(out index))
        {
            // Only removed entries can have used up the reserve. What waits for a controller to read gives way to what there is room for.
            System.Diagnostics.Debug.Assert(_grace.HasWork || HasReports, "the store holds more than both tables");
            if (!_grace.Wait() && !HasReports)
            {
                _grace.ThrowIfStuck();
            }
            _grace.Poll(SliceLength);
            Report(SliceLength, force: true);
        }
        return index;
    }

    private void Free(uint index)
    {
        Offloads.Forget(index);
        _store.Free(index);
    }

    private long DueAt(uint index, long now, out FlowRemovedReason reason)
    {
        ref FlowRecord record = ref _store.Records[index];
        // Rounded up, and a packet's stamp, which was rounded down, by one more: no timeout is early by a fraction of a millisecond.
        long installed = (record.InstalledAt + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;
        long hard = record.HardTimeoutSeconds == 0 ? long.MaxValue : installed + (record.HardTimeoutSeconds * 1000L);
        long idle = long.MaxValue;
        if (record.IdleTimeoutSeconds != 0)
        {
            FlowCounters counters = ReadCounters(index);
            long used = counters.Packets == 0 ? installed : ControlClock.Widen(counters.LastUsed, now) + 1;
            idle = used + (record.IdleTimeoutSeconds * 1000L);
        }
        reason = idle < hard ? FlowRemovedReason.IdleTimeout : FlowRemovedReason.HardTimeout;
        return Math.Min(idle, hard);
    }

    private void Describe(uint index, out FlowStatistics statistics)
    {
        ref FlowRecord record = ref _store.Records[index];
        FlowCounters counters = ReadCounters(index, poll: true);
        statistics = new FlowStatistics
        {
            TableId = FlowFilter.FlowTable,
            Match = MatchNormalizer.Report(record.Match),
            Duration = TimeSpan.FromTicks(_clock.Ticks - record.InstalledAt),
            Priority = record.Priority,
            IdleTimeoutSeconds = record.IdleTimeoutSeconds,
            HardTimeoutSeconds = record.HardTimeoutSeconds,
            Cookie = record.Cookie,
            PacketCount = counters.Packets,
            ByteCount = counters.Bytes,
            Actions = ActionListMemory.Decompile(_store.Entries[index].Actions, _oneAction),
        };
    }
}
