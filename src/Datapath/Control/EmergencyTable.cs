using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>The emergency flow table: entries with OFPFF_EMERG, kept aside until contact with the controller is lost (OpenFlow 1.0.0 §4.3, §4.6).</summary>
/// <remarks>
/// <para>
/// Packets never see this table. When emergency mode is entered its entries are copied into the flow table and everything else is
/// deleted there ("All normal entries are deleted when entering emergency mode"); copies first, so at no moment a packet meets neither.
/// While the mode lasts, changes here are made to the copies too. When it ends the copies stay, as entries like any other ("Upon connecting
/// to a controller again, the emergency flow entries remain. The controller then has the option of deleting all flow entries"). So
/// does the reference switch.
/// </para>
/// <para>
/// Flow-mods with OFPFF_EMERG concern this table alone, those without it the others alone. Entries have no timeouts and are gone
/// without flow-removed. Threads: under the control gate. Not on the busy path: entries are objects.
/// </para>
/// </remarks>
internal sealed class EmergencyTable
{
    private readonly List<Entry> _entries = []; // by rising id, which is by age
    private readonly FlowModProcessor _flows;
    private readonly ControlClock _clock;
    private readonly ActionListMemory _lists;
    private readonly FlowAction[] _oneAction = new FlowAction[1];
    private readonly int _capacity;
    private uint _lastId;

    public EmergencyTable(FlowModProcessor flows, ControlClock clock, ActionListMemory lists, int capacity)
    {
        _lists = lists;
        _flows = flows;
        _clock = clock;
        _capacity = capacity;
    }

    public int Count => _entries.Count;

    /// <summary>Whether the entries' copies are what the flow table was filled with.</summary>
    public bool InForce { get; private set; }

    /// <summary>Puts the entries in force in place of everything else.</summary>
    public void Enter()
    {
        InForce = true; // first: others may come in between, and a controller that is back ends it
        _flows.ForgetCopies();
        foreach (Entry entry in _entries)
        {
            Install(entry);
        }
        _flows.RemoveAllButCopies();
    }

    /// <summary>From now on the copies are the controller's to change and delete.</summary>
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

    public AggregateStatistics Aggregate(in FlowFilter filter)
    {
        AggregateStatistics total = default;
        uint cursor = 0;
        while (Next(ref cursor, filter, out FlowStatistics entry))
        {
            total.PacketCount += entry.PacketCount;
            total.ByteCount += entry.ByteCount;
            total.FlowCount++;
        }
        return total;
    }

    private ControlError Add(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        if ((mod.Flags & FlowModFlags.CheckOverlap) != 0 && Overlaps(key, mask, mod.Priority, exact))
        {
            return ControlError.Overlap;
        }
        Entry? entry = FindIdentical(mod.Priority, key, mask, exact);
        if ((entry == null && _entries.Count >= _capacity)
            || !_lists.TryCompile(mod.Actions, replaces: entry != null, out ActionsReference actions))
        {
            return ControlError.AllTablesFull;
        }
        if (entry == null)
        {
            entry = new Entry(++_lastId, key, mask, exact);
            _entries.Add(entry);
        }
        entry.Match = mod.Match;
        entry.Priority = mod.Priority;
        entry.Cookie = mod.Cookie;
        _lists.Return(entry.Actions);
        entry.Actions = actions;
        entry.InstalledAt = _clock.Ticks;
        if (InForce)
        {
            Install(entry);
        }
        return ControlError.None;
    }

    private ControlError Modify(in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact)
    {
        if (!_lists.TryCompile(mod.Actions, replaces: true, out ActionsReference actions))
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
            _lists.Return(entry.Actions);
            entry.Actions = _lists.Share(actions);
            entry.Cookie = mod.Cookie;
            if (InForce && _flows.IsCopy(entry.Copy, entry.Id))
            {
                _flows.ReplaceActions(entry.Copy, actions, mod.Cookie);
            }
        }
        _lists.Return(actions);
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
            _lists.Return(entry.Actions);
            if (InForce && _flows.IsCopy(entry.Copy, entry.Id))
            {
                _flows.Remove(entry.Copy, FlowRemovedReason.Delete);
            }
        }
    }

    /// <summary>Whether a MODIFY or DELETE is about the entry: identical if strict, the same or narrower if not.</summary>
    private static bool IsMeant(Entry entry, in FlowMod mod, in FlowKey key, in FlowKey mask, bool exact, in FlowFilter filter)
    {
        bool strict = mod.Command is FlowModCommand.ModifyStrict or FlowModCommand.DeleteStrict;
        return strict || exact ? IsIdentical(entry, mod.Priority, key, mask, exact) : filter.Covers(entry.Key, entry.Mask);
    }

    /// <summary>As in the other tables: an exact entry's priority tells it from no other.</summary>
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

    /// <summary>As in the other tables: an exact entry has the highest priority.</summary>
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

    private void Install(Entry entry)
    {
        FlowMod mod = new()
        {
            Match = entry.Match,
            Priority = entry.Priority,
            Cookie = entry.Cookie,
            Flags = FlowModFlags.Emergency,
        };
        entry.Copy = _flows.InstallCopy(mod, entry.Key, entry.Mask, entry.Exact, _lists.Share(entry.Actions), entry.Id);
    }

    /// <summary>An entry counts what its copy counts, as long as it has one.</summary>
    private FlowStatistics Describe(Entry entry)
    {
        FlowCounters counters = _flows.IsCopy(entry.Copy, entry.Id) ? _flows.ReadCounters(entry.Copy, poll: true) : default;
        return new FlowStatistics
        {
            TableId = FlowFilter.EmergencyTable,
            Match = MatchNormalizer.Report(entry.Match),
            Duration = TimeSpan.FromTicks(_clock.Ticks - entry.InstalledAt),
            Priority = entry.Priority,
            Cookie = entry.Cookie,
            PacketCount = counters.Packets,
            ByteCount = counters.Bytes,
            Actions = ActionListMemory.Decompile(entry.Actions, _oneAction),
        };
    }

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

        /// <summary>Index of the copy last made; still the copy if its record has this entry's id.</summary>
        public uint Copy;

        /// <summary>The priority it competes with.</summary>
        public ushort Rank => Exact ? ushort.MaxValue : Priority;
    }
}
