using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>The flow entries, and what each flow-mod command does with them (OpenFlow 1.0.0 §4.6).</summary>
/// <remarks>
/// ADD and the strict commands cost the same with a million entries as with ten; MODIFY and DELETE with wildcards look at every
/// entry. Threads: under the control lock.
/// </remarks>
internal sealed class FlowModProcessor : IDisposable
{
    // Wildcard entries that are copied between two checks whether another thread waits for the control lock. Each takes some microseconds.
    private const int CopiedBetweenLooks = 4;

    // New entries that take memory between two checks whether the process has any left; and how long a negative answer holds.
    private const uint EntriesPerLook = 512;
    private const int LookMilliseconds = 100;

    private readonly DatapathOptions _options;
    private readonly FlowTable _table;
    private readonly FlowStore _store;
    private readonly GracePeriod _grace;
    private readonly ControlClock _clock;
    private readonly ControlWakeup _service;
    private readonly ActionListMemory _lists;
    private readonly BufferedPackets _buffers;
    private readonly ControlLock _lock;
    private ulong _sequence;
    private uint _enoughUpTo;
    private long _shortUntil;

    public FlowModProcessor(DatapathOptions options, WorkerShared shared, BufferedPackets buffers, ControlLock controlLock)
    {
        _options = options;
        _table = shared.Table;
        _store = _table.Store;
        _grace = shared.Grace;
        _clock = shared.Clock;
        _service = shared.Service;
        _lists = shared.Lists;
        _buffers = buffers;
        _lock = controlLock;
        Offloads = new FlowOffloads(_table);
        Entries = new FlowEntries(_table, Offloads, _clock, controlLock);
        Removed = new RemovedFlows(_store, Entries, _lists, Offloads, _clock, controlLock);
        Timeouts = new FlowTimeouts(_store, Entries, Offloads, _clock, controlLock, Remove);
        Emergency = new EmergencyTable(this, _clock, _lists, _service, options.MaxEmergencyEntries);
    }

    public FlowEntries Entries { get; }

    public RemovedFlows Removed { get; }

    public FlowTimeouts Timeouts { get; }

    /// <summary>The table that flow-mods with OFPFF_EMERG change.</summary>
    public EmergencyTable Emergency { get; }

    /// <summary>Hardware that holds copies of flow entries.</summary>
    public FlowOffloads Offloads { get; }

    /// <summary>Flow-mods that succeeded, by command. A refused flow-mod is answered with an error and not counted.</summary>
    public long[] Done { get; } = new long[(int)FlowModCommand.DeleteStrict + 1];

    /// <summary>Told of each change of the tables from now on; null at first. <see cref="Next"/> lists the entries that are there already.</summary>
    public ITableObserver? Observer { get; set; }

    /// <summary>Iterates over flow entries. Start with a <paramref name="cursor"/> of 0. The control lock may be left between two calls: entries
    /// that stay all the while are reported exactly once.</summary>
    public bool Next(ref uint cursor, in FlowFilter filter, out FlowStatistics statistics) => filter.TableId == FlowFilter.EmergencyTable
        ? Emergency.Next(ref cursor, filter, out statistics)
        : Entries.Next(ref cursor, filter, out statistics);

    /// <summary>Totals over these entries. As a walk with <see cref="Next"/>, it leaves the control lock in between.</summary>
    public AggregateStatistics Aggregate(in FlowFilter filter)
    {
        AggregateStatistics total = default;
        for (uint cursor = 0; Next(ref cursor, filter, out FlowStatistics flow);)
        {
            total.PacketCount += flow.PacketCount;
            total.ByteCount += flow.ByteCount;
            total.FlowCount++;
        }
        return total;
    }

    /// <summary>Puts an entry into force as <see cref="Next"/> described it, with its age, use and counters; or into the emergency table, by its table id.</summary>
    /// <remarks>The entry is neither counted as a flow-mod nor checked for overlaps. It replaces an identical one. No flow-removed is sent for that.</remarks>
    /// <returns>The error that an ADD of this entry would get; then nothing changed.</returns>
    public ControlError Restore(in FlowStatistics entry)
    {
        FlowMod mod = new()
        {
            Match = entry.Match,
            Cookie = entry.Cookie,
            IdleTimeoutSeconds = entry.IdleTimeoutSeconds,
            HardTimeoutSeconds = entry.HardTimeoutSeconds,
            Priority = entry.Priority,
            Flags = entry.Flags & ~FlowModFlags.CheckOverlap, // it was checked when it came
            Actions = entry.Actions,
        };
        ControlError error = ActionValidator.Validate(mod.Actions, forPacketOut: false);
        if (error != ControlError.None)
        {
            return error;
        }
        bool exact = MatchNormalizer.Normalize(mod.Match, out FlowKey key, out FlowKey mask);
        RestoredFlowState past = RestoredFlowState.Of(entry, _clock.Ticks);
        return entry.TableId == FlowFilter.EmergencyTable ? Emergency.Restore(mod, key, mask, exact, past) : Add(mod, key, mask, exact, past);
    }

    /// <summary>Applies a flow-mod. The caller sends the buffered packet that it may name.</summary>
    /// <returns>Why it was refused; then nothing changed.</returns>
    public ControlError Apply(in FlowMod mod)
    {
        ControlError error = CheckAndApply(mod);
        if (error == ControlError.None)
        {
            Done[(int)mod.Command]++;
        }
        _grace.Poll(RemovedFlows.SliceLength);
        Removed.Report(RemovedFlows.SliceLength);
        if (_grace.HasWork || Removed.HasReports)
        {
            _service.RaiseAlways();
        }
        return error;
    }

    /// <summary>Changes the flow table itself, whatever the flags.</summary>
    /// <param name="mod">Checked: command and actions are valid.</param>
    public ControlError Change(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        switch (mod.Command)
        {
            case FlowModCommand.Add:
                return Add(mod, key, mask, exact);
            case FlowModCommand.Modify or FlowModCommand.ModifyStrict:
                return Modify(mod, key, mask, exact);
            case FlowModCommand.Delete when !exact:
                DeleteCovered(mod);
                return ControlError.None;
            default:
                DeleteStrict(mod, key, mask, exact);
                return ControlError.None;
        }
    }

    /// <summary>Takes an entry out of the table, for its end to be reported if it asked for that.</summary>
    public void Remove(uint index, FlowRemovedReason reason)
    {
        ref FlowRecord record = ref _store.Record(index);
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
        Observer?.Remove(FlowFilter.FlowTable, record.Sequence);
        Retire(index);
    }

    /// <summary>Removes entries that timed out, reclaims memory, reports ends of entries, and rearranges wildcard entries for faster searches.</summary>
    /// <returns>Whether more work can be done at once.</returns>
    public bool Service()
    {
        bool hasMore = Timeouts.Expire();
        hasMore |= ReclaimUntilOthersTurn();
        hasMore |= RearrangeUntilOthersTurn();
        Removed.EndShortage();
        return hasMore;
    }

    public void Dispose()
    {
        Entries.Dispose();
        _lists.Dispose();
    }

    private bool ReclaimUntilOthersTurn()
    {
        bool hasMore;
        do
        {
            hasMore = _grace.Poll(RemovedFlows.SliceLength);
            hasMore |= Removed.Report(RemovedFlows.SliceLength);
        }
        while (hasMore && !_lock.IsOverdue);
        return hasMore;
    }

    private bool RearrangeUntilOthersTurn()
    {
        bool hasMore = true;
        for (int copied = 0; hasMore && copied < RemovedFlows.SliceLength && !_lock.IsOverdue; copied += CopiedBetweenLooks)
        {
            hasMore = _table.Wildcard.Rearrange(CopiedBetweenLooks);
        }
        return hasMore;
    }

    private ControlError CheckAndApply(in FlowMod mod)
    {
        bool exact = MatchNormalizer.Normalize(mod.Match, out FlowKey key, out FlowKey mask);
        if (mod.Command > FlowModCommand.DeleteStrict)
        {
            return ControlError.BadCommand;
        }
        bool hasActions = mod.Command < FlowModCommand.Delete;
        ControlError error = hasActions ? ActionValidator.Validate(mod.Actions, forPacketOut: false) : ControlError.None;
        if (error != ControlError.None)
        {
            return error;
        }
        return (mod.Flags & FlowModFlags.Emergency) != 0 ? Emergency.Apply(mod, key, mask, exact) : Change(mod, key, mask, exact);
    }

    private ControlError Add(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact, in RestoredFlowState past = default)
    {
        if ((mod.Flags & FlowModFlags.CheckOverlap) != 0 && Entries.Overlaps(key, mask, mod.Priority, exact))
        {
            return ControlError.Overlap;
        }
        uint known = Entries.FindIdentical(key, mask, mod.Priority, exact);
        bool isFull = exact ? _table.Exact.Count >= _options.MaxExactEntries : _table.Wildcard.Count >= _options.MaxWildcardEntries;
        // An emergency entry that comes into force has room of its own in the store: the normal entries are deleted right after.
        if ((known == 0 && (isFull || !HasMemory()) && (mod.Flags & FlowModFlags.Emergency) == 0)
            || !_lists.TryCompile(mod.Actions, replaces: known != 0, out ActionsReference actions))
        {
            return ControlError.AllTablesFull;
        }
        // The counters are set before the entry is linked: afterwards only workers write them.
        Insert(mod, key, mask, exact, actions, known, _buffers.TryPeek(mod.BufferId, out Packet released) ? RestoredFlowState.OfReleased(released, _clock.Milliseconds) : past);
        return ControlError.None;
    }

    /// <summary>Whether the process may use memory for further entries. It looks once for many entries: a look costs as much as many flow-mods.</summary>
    private bool HasMemory()
    {
        if (_options.HasMemory is not { } look || _store.HasReturned || _store.HighWater < _enoughUpTo)
        {
            return true;
        }
        if (_clock.Milliseconds < _shortUntil)
        {
            return false;
        }
        if (!look())
        {
            _shortUntil = _clock.Milliseconds + LookMilliseconds;
            return false;
        }
        _enoughUpTo = _store.HighWater + EntriesPerLook;
        return true;
    }

    /// <summary>Links a new entry. It replaces the identical entry, if the table has one.</summary>
    private void Insert(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact, ActionsReference actions, uint known, in RestoredFlowState past)
    {
        ulong hash = _table.Hash.Compute(key);
        uint index = Allocate();
        Fill(index, mod, key, actions, hash, past);
        ref FlowRecord record = ref _store.Record(index);
        if (known != 0)
        {
            record.Sequence = _store.Record(known).Sequence;
            if (exact)
            {
                _table.Exact.Replace(hash, known, index);
            }
            else
            {
                _table.Wildcard.Replace(known, index);
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
        if (known == 0)
        {
            Offloads.Add(index);
        }
        else
        {
            Offloads.Replace(known, index);
            Retire(known);
        }
        Timeouts.Add(index);
        Tell(index);
    }

    private void Fill(uint index, in FlowMod mod, in FlowKey key, ActionsReference actions, ulong hash, in RestoredFlowState past)
    {
        ref FlowRecord record = ref _store.Record(index);
        record.Sequence = past.Sequence == 0 ? ++_sequence : past.Sequence;
        _sequence = Math.Max(_sequence, record.Sequence);
        record.Cookie = mod.Cookie;
        record.InstalledAt = _clock.Ticks - past.Lived;
        record.Hash = hash;
        record.Match = mod.Match;
        record.Priority = mod.Priority;
        record.IdleTimeoutSeconds = mod.IdleTimeoutSeconds;
        record.HardTimeoutSeconds = mod.HardTimeoutSeconds;
        record.Flags = mod.Flags;
        ref FlowEntry entry = ref _store.Entry(index);
        entry.Key = key;
        entry.Priority = mod.Priority;
        entry.Actions = actions;
        entry.Counters = past.Counters;
    }

    /// <summary>Replaces the actions of every entry that the flow-mod covers. If it covers none, adds an entry.</summary>
    private ControlError Modify(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        // The list is compiled once for all entries, before the first of them changes.
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
            uint index = Entries.FindIdentical(key, mask, mod.Priority, exact);
            if (index != 0)
            {
                ReplaceActions(index, actions, mod.Cookie);
            }
            return index != 0;
        }
        FlowFilter filter = new(mod.Match);
        bool any = false;
        for (uint index = 0; Entries.MoveNext(ref index, filter);)
        {
            ReplaceActions(index, actions, mod.Cookie);
            any = true;
        }
        return any;
    }

    // Counters and timeouts stay (§4.6); the cookie becomes the message's, as in Open vSwitch.
    private void ReplaceActions(uint index, ActionsReference actions, ulong cookie)
    {
        ref ActionsReference place = ref _store.Entry(index).Actions;
        ActionsReference old = place;
        ActionsReference.Publish(ref place, _lists.Share(actions));
        _lists.Retire(old);
        _store.Record(index).Cookie = cookie;
        Offloads.Modify(index);
        Tell(index);
    }

    private void Tell(uint index)
    {
        if (Observer != null)
        {
            Entries.Describe(index, out FlowStatistics entry, poll: false);
            Observer.Put(entry);
        }
    }

    private void DeleteStrict(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        uint index = Entries.FindIdentical(key, mask, mod.Priority, exact);
        if (index != 0 && Entries.OutputsTo(index, mod.OutPort))
        {
            Remove(index, FlowRemovedReason.Delete);
        }
    }

    private void DeleteCovered(in FlowMod mod)
    {
        FlowFilter filter = new(mod.Match, outPort: mod.OutPort);
        for (uint index = 0; Entries.MoveNext(ref index, filter);)
        {
            Remove(index, FlowRemovedReason.Delete);
        }
    }

    private void Retire(uint index)
    {
        Timeouts.Remove(index);
        _store.Record(index).State = FlowRecordState.Retired;
        _grace.Retire(Removed, (nint)index);
    }

    /// <exception cref="InvalidOperationException">A worker is stuck, and it may hold all the entries that are not in use.</exception>
    private uint Allocate()
    {
        uint index;
        while (!_store.TryAllocate(out index))
        {
            // Only removed entries can have used up the reserve. Slow controllers are made to take their flow-removed messages, which frees entries.
            System.Diagnostics.Debug.Assert(_grace.HasWork || Removed.HasReports, "the store holds more than both tables");
            if (!_grace.Wait() && !Removed.HasReports)
            {
                _grace.ThrowIfStuck();
            }
            _grace.Poll(RemovedFlows.SliceLength);
            Removed.Report(RemovedFlows.SliceLength, force: true);
        }
        return index;
    }
}
