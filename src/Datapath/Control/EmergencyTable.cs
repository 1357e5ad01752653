using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>
/// The emergency flow table: entries with OFPFF_EMERG, kept aside until contact with the controller is lost (OpenFlow 1.0.0 §4.3, §4.6).
/// </summary>
/// <remarks>
/// <para>
/// Packets never see this table. When emergency mode is entered its entries are copied into the flow table and everything else is
/// deleted there ("All normal entries are deleted when entering emergency mode"). The copies come first, so every packet finds the old or the new entries.
/// While the mode lasts, changes here are made to the copies too. When it ends the copies stay, as entries like any other ("Upon connecting
/// to a controller again, the emergency flow entries remain. The controller then has the option of deleting all flow entries"). So
/// does the reference switch.
/// </para>
/// <para>
/// Flow-mods with OFPFF_EMERG change this table only; other flow-mods change the flow table only. Entries have no timeouts, and no flow-removed
/// is sent for them. Threads: under the control lock. Entries are objects, as packets never use them.
/// </para>
/// </remarks>
internal sealed class EmergencyTable(FlowModProcessor flows, ControlClock clock, ActionListMemory lists, ControlWakeup service, int capacity)
{
    private readonly List<Entry> _entries = []; // by rising id, so the oldest comes first
    private readonly FlowAction[] _oneAction = new FlowAction[1];
    private uint _lastId;

    public int Count => _entries.Count;

    /// <summary>Whether emergency mode lasts: the flow table was filled with copies of these entries.</summary>
    public bool InForce { get; private set; }

    /// <summary>Contact with the controller is lost: puts the entries in force in place of everything else.</summary>
    /// <returns>False if the entries are in force already, or if there are none: then the fail mode decides.</returns>
    public bool Enter()
    {
        if (InForce || _entries.Count == 0)
        {
            return false;
        }
        InForce = true; // set first: the walk releases the lock, and a controller that connects meanwhile ends the mode
        HashSet<uint> copies = [];
        foreach (Entry entry in _entries)
        {
            Repeat(entry, FlowModCommand.Add);
            copies.Add(FindIdentical(entry));
        }
        for (uint index = 0; flows.Entries.MoveNext(ref index);)
        {
            if (flows.Entries.IsInForce(index) && !copies.Contains(index))
            {
                flows.Remove(index, FlowRemovedReason.Delete);
            }
        }
        service.RaiseAlways();
        return true;
    }

    /// <summary>A controller is back. From now on it changes and deletes the copies like other entries.</summary>
    public void Leave() => InForce = false;

    /// <param name="mod">Checked: command and actions are valid.</param>
    public ControlError Apply(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        switch (mod.Command)
        {
            case FlowModCommand.Delete or FlowModCommand.DeleteStrict:
                Delete(mod, key, mask, exact);
                return ControlError.None;
            // §4.6: "Emergency flow mod messages must have timeout values set to zero. Otherwise, the switch must refuse the addition".
            case var _ when (mod.IdleTimeoutSeconds | mod.HardTimeoutSeconds) != 0:
                return ControlError.BadEmergencyTimeout;
            case FlowModCommand.Add:
                return Add(mod, key, mask, exact);
            default:
                return Modify(mod, key, mask, exact);
        }
    }

    /// <summary>Adds a saved entry, at its old place among the entries.</summary>
    /// <param name="mod">With valid actions.</param>
    public ControlError Restore(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact, in RestoredFlowState past)
    {
        if ((mod.IdleTimeoutSeconds | mod.HardTimeoutSeconds) != 0)
        {
            return ControlError.BadEmergencyTimeout;
        }
        uint id = (uint)past.Sequence;
        return Add(mod, key, mask, exact, id == past.Sequence && !_entries.Exists(entry => entry.Id == id) ? id : 0, past.Lived);
    }

    public bool Next(ref uint cursor, in FlowFilter filter, out FlowStatistics statistics)
    {
        foreach (Entry entry in _entries)
        {
            if (entry.Id > cursor && filter.Covers(entry.Key, entry.Mask) && OutputsTo(entry, filter.OutPort))
            {
                cursor = entry.Id;
                statistics = Describe(entry);
                return true;
            }
        }
        statistics = default;
        return false;
    }

    /// <param name="id">A free one; 0 for the next.</param>
    /// <param name="lived">The time since the entry was first added, in ticks of 100 ns.</param>
    private ControlError Add(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact, uint id = 0, long lived = 0)
    {
        if ((mod.Flags & FlowModFlags.CheckOverlap) != 0 && Overlaps(key, mask, mod.Priority, exact))
        {
            return ControlError.Overlap;
        }
        Entry? entry = FindIdentical(mod.Priority, key, mask, exact);
        if ((entry == null && _entries.Count >= capacity)
            || !lists.TryCompile(mod.Actions, replaces: entry != null, out ActionsReference actions))
        {
            return ControlError.AllTablesFull;
        }
        if (entry == null)
        {
            entry = new Entry(id == 0 ? ++_lastId : id, key, mask, exact);
            _lastId = Math.Max(_lastId, entry.Id);
            _entries.Insert(_entries.FindLastIndex(other => other.Id < entry.Id) + 1, entry);
        }
        entry.Match = mod.Match;
        entry.Priority = mod.Priority;
        entry.Cookie = mod.Cookie;
        lists.Return(entry.Actions);
        entry.Actions = actions;
        entry.InstalledAt = clock.Ticks - lived;
        Repeat(entry, FlowModCommand.Add);
        Tell(entry);
        return ControlError.None;
    }

    private ControlError Modify(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        if (!lists.TryCompile(mod.Actions, replaces: true, out ActionsReference actions))
        {
            return ControlError.AllTablesFull;
        }
        bool any = false;
        FlowFilter filter = new(mod.Match);
        foreach (Entry entry in _entries)
        {
            if (!IsMeant(entry, mod, key, mask, exact, filter))
            {
                continue;
            }
            any = true;
            lists.Return(entry.Actions);
            entry.Actions = lists.Share(actions);
            entry.Cookie = mod.Cookie;
            Repeat(entry, FlowModCommand.ModifyStrict);
            Tell(entry);
        }
        lists.Return(actions);
        return any ? ControlError.None : Add(mod, key, mask, exact);
    }

    private void Delete(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        FlowFilter filter = new(mod.Match);
        for (int i = _entries.Count - 1; i >= 0; i--)
        {
            Entry entry = _entries[i];
            if (!IsMeant(entry, mod, key, mask, exact, filter) || !OutputsTo(entry, mod.OutPort))
            {
                continue;
            }
            _entries.RemoveAt(i);
            Repeat(entry, FlowModCommand.DeleteStrict);
            flows.Observer?.Remove(FlowFilter.EmergencyTable, entry.Id);
            lists.Return(entry.Actions);
        }
    }

    /// <summary>Whether a MODIFY or DELETE covers the entry: a strict one an identical entry, others an entry whose match is the same or narrower.</summary>
    private static bool IsMeant(Entry entry, in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact, in FlowFilter filter)
    {
        bool strict = mod.Command is FlowModCommand.ModifyStrict or FlowModCommand.DeleteStrict;
        return strict || exact ? IsIdentical(entry, mod.Priority, key, mask, exact) : filter.Covers(entry.Key, entry.Mask);
    }

    /// <summary>As in the flow table: two exact entries with the same match are identical, whatever their priorities.</summary>
    private static bool IsIdentical(Entry entry, ushort priority, in FlowKey key, in FlowKey mask, bool exact) =>
        entry.Exact == exact && (exact || entry.Priority == priority) && FlowKey.Equals(entry.Key, key) && FlowKey.Equals(entry.Mask, mask);

    private Entry? FindIdentical(ushort priority, in FlowKey key, in FlowKey mask, bool exact)
    {
        foreach (Entry entry in _entries)
        {
            if (IsIdentical(entry, priority, key, mask, exact))
            {
                return entry;
            }
        }
        return null;
    }

    /// <summary>As in the flow table: an exact entry has the highest priority.</summary>
    private bool Overlaps(in FlowKey key, in FlowKey mask, ushort priority, bool exact)
    {
        int rank = exact ? ushort.MaxValue : priority;
        foreach (Entry entry in _entries)
        {
            FlowKey common = FlowKey.And(mask, entry.Mask);
            if (entry.Rank == rank && FlowKey.Equals(FlowKey.And(key, common), FlowKey.And(entry.Key, common)))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>
    /// Repeats a change of an entry on its copy, by an ordinary flow-mod, while the entries are in force. A copy that a controller has deleted
    /// is not added again.
    /// </summary>
    private void Repeat(Entry entry, FlowModCommand command)
    {
        if (!InForce || (command != FlowModCommand.Add && FindCopy(entry) == 0))
        {
            return;
        }
        FlowMod mod = new()
        {
            Command = command,
            Match = entry.Match,
            Priority = entry.Priority,
            Cookie = entry.Cookie,
            Flags = FlowModFlags.Emergency,
            Actions = ActionListMemory.Decompile(entry.Actions, _oneAction),
        };
        flows.Change(mod, entry.Key, entry.Mask, entry.Exact);
    }

    /// <summary>The entry's copy in the flow table; 0 if it was deleted, or replaced by a normal entry.</summary>
    private uint FindCopy(Entry entry)
    {
        uint index = FindIdentical(entry);
        return index != 0 && flows.Entries.HasFlag(index, FlowModFlags.Emergency) ? index : 0;
    }

    private uint FindIdentical(Entry entry) => flows.Entries.FindIdentical(entry.Key, entry.Mask, entry.Priority, entry.Exact);

    /// <summary>Describes an entry with the counters of its copy; they are 0 if it has no copy.</summary>
    private FlowStatistics Describe(Entry entry, bool poll = true)
    {
        uint copy = FindCopy(entry);
        FlowCounters counters = copy == 0 ? default : flows.Entries.ReadCounters(copy, poll);
        return new FlowStatistics
        {
            TableId = FlowFilter.EmergencyTable,
            Match = MatchNormalizer.Report(entry.Match),
            Flags = FlowModFlags.Emergency,
            Sequence = entry.Id,
            Duration = TimeSpan.FromTicks(clock.Ticks - entry.InstalledAt),
            Priority = entry.Priority,
            Cookie = entry.Cookie,
            PacketCount = counters.Packets,
            ByteCount = counters.Bytes,
            Actions = ActionListMemory.Decompile(entry.Actions, _oneAction),
        };
    }

    private void Tell(Entry entry) => flows.Observer?.Put(Describe(entry, poll: false));

    private bool OutputsTo(Entry entry, ushort port) => ActionListMemory.SendsTo(entry.Actions, port, _oneAction);

    private sealed class Entry(uint id, in FlowKey key, in FlowKey mask, bool exact)
    {
        public readonly uint Id = id;
        public readonly FlowKey Key = key;
        public readonly FlowKey Mask = mask;
        public readonly bool Exact = exact;
        public FlowMatch Match;
        public ushort Priority;
        public ulong Cookie;
        public ActionsReference Actions;
        public long InstalledAt;

        /// <summary>The priority that overlap checks compare.</summary>
        public ushort Rank => Exact ? ushort.MaxValue : Priority;
    }
}
