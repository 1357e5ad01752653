using System.Collections.Concurrent;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;

namespace Softswitch.Ports.KernelOffload;

/// <summary>Keeps as much of the flow table in the kernel as the program there can execute. All other packets go to the software.</summary>
/// <remarks>
/// <para>
/// Entries without wildcards stand in the program's hash table by their key, those with wildcards by mask and masked key. Of entries of the same match the
/// highest stands there, the others wait below it. An entry that the kernel cannot execute stands there too, and its packets go to the software. If
/// there is no room for an entry or its mask, then no hit of its priority or below counts (<see cref="MaskSet"/>): no packet meets an entry
/// that another would have outranked.
/// </para>
/// <para>
/// Every change ends with <see cref="OffloadTables.WaitForPrograms"/>. So does every deletion before the next insertion: the kernel gives a
/// deleted element to the next key at once, and a program may still look at it.
/// </para>
/// </remarks>
/// <param name="tables">The kernel's; the caller's to dispose of, after this.</param>
internal sealed unsafe class KernelFlowOffload(OffloadTables tables) : IFlowOffload
{
    /// <summary>Entries without a place that are tried again, in each slice.</summary>
    private const int Retries = 256;

    private readonly MaskSet _masks = new(tables);
    private readonly RecordPool _records = new(tables);
    private readonly RecordCompiler _compiler = new();
    private readonly TickClock _clock = new();
    private readonly Dictionary<uint, OffloadFlow> _flows = [];
    private readonly Dictionary<(FlowKey Key, FlowKey Mask), OffloadMatch> _matches = [];
    private readonly LinkedList<OffloadMatch> _waiting = new(); // for room
    private readonly List<ulong> _givenUp = [];
    private readonly ConcurrentDictionary<ushort, int> _slots = []; // ports are opened without the control lock
    private readonly Dictionary<int, int> _held = []; // by place: ticks that are left
    private OffloadPort[] _ports = [];
    private string? _suspended;
    private bool _isDisposed;

    /// <summary>Says which port has which place in the layout, before the switch has the port.</summary>
    public void AddPort(ushort number, int slot) => _slots[number] = slot;

    /// <summary>The port is gone; of the same number there may be another already.</summary>
    public void RemovePort(ushort number, int slot) => _slots.TryRemove(new KeyValuePair<ushort, int>(number, slot));

    /// <summary>Has a port give all packets to the software for some ticks of 0.1 s. Returns when it is so.</summary>
    /// <param name="ticks">The first may be over at once; <see cref="int.MaxValue"/> for ever.</param>
    public void Hold(int slot, int ticks)
    {
        _held[slot] = ticks;
        Serve();
        tables.WaitForPrograms();
    }

    public void Add(in OffloadEntry entry)
    {
        Put(entry);
        Finish();
    }

    public void Replace(uint replaced, in OffloadEntry entry)
    {
        if (_flows.TryGetValue(replaced, out OffloadFlow? flow))
        {
            flow.Match.Remove(flow); // the new one is found in its place, by the same step
        }
        Put(entry);
        Finish();
    }

    public void Modify(uint id, ReadOnlySpan<FlowAction> actions)
    {
        if (_flows.TryGetValue(id, out OffloadFlow? flow))
        {
            flow.Actions = actions.ToArray();
            Compile(flow);
            Finish();
        }
    }

    public void Remove(uint id)
    {
        if (_flows.TryGetValue(id, out OffloadFlow? flow))
        {
            flow.Match.Remove(flow);
            Show(flow.Match);
            Finish();
        }
    }

    public void Forget(uint id)
    {
        if (_flows.Remove(id, out OffloadFlow? flow))
        {
            _records.Give(flow.Word);
        }
    }

    public OffloadCounters Read(uint id)
    {
        if (!_flows.TryGetValue(id, out OffloadFlow? flow) || !flow.HasElement)
        {
            return default;
        }
        ulong packets = 0;
        ulong bytes = 0;
        long lastUsed = 0;
        for (int processor = 0; processor < tables.Layout.Processors; processor++)
        {
            EntryCounts* counts = tables.CountsOf(id, processor);
            packets += Volatile.Read(ref counts->Packets);
            bytes += Volatile.Read(ref counts->Bytes);
            uint tick = Volatile.Read(ref counts->Tick);
            lastUsed = tick == 0 ? lastUsed : Math.Max(lastUsed, _clock.EndOf(tick));
        }
        return new OffloadCounters(packets, bytes, lastUsed);
    }

    public OffloadCounters Poll(uint id) => Read(id);

    public OffloadTotals ReadTotals()
    {
        ulong exact = 0;
        ulong wildcard = 0;
        for (int i = 0; i < tables.Layout.Processors; i++)
        {
            ProcessorLine* processor = tables.Processor(i);
            exact += Volatile.Read(ref processor->ExactHits);
            wildcard += Volatile.Read(ref processor->WildcardHits);
        }
        return new OffloadTotals(exact, wildcard);
    }

    public void SetPorts(ReadOnlySpan<OffloadPort> ports)
    {
        OffloadPort[] now = ports.ToArray();
        HashSet<ushort> changed = [.. _ports.Except(now).Concat(now.Except(_ports)).Select(port => port.Number)];
        _ports = now;
        _compiler.SetPorts(Serve());
        foreach (OffloadFlow flow in _flows.Values)
        {
            if (RecordCompiler.Concerns(flow.Actions, changed))
            {
                Compile(flow);
            }
        }
        Finish();
    }

    public void Suspend(string? reason)
    {
        _suspended = reason;
        Serve();
        Finish();
    }

    public int Service(long now)
    {
        if (_clock.Advance(now))
        {
            Volatile.Write(ref tables.Head->Tick, _clock.Tick);
            if (_held.Count > 0)
            {
                Release();
            }
        }
        int retries = Math.Min(Retries, _waiting.Count);
        for (int i = 0; i < retries; i++)
        {
            Show(_waiting.First!.Value); // it goes to the end, or is found
        }
        if (retries > 0)
        {
            Finish();
        }
        return TickClock.Interval;
    }

    /// <summary>The program gives all packets to the software.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        Serve();
        tables.WaitForPrograms();
    }

    /// <summary>Why the software treats an entry's packets; null if the kernel does.</summary>
    public string? ReasonOf(uint id)
    {
        if (_suspended != null || !_flows.TryGetValue(id, out OffloadFlow? flow))
        {
            return _suspended ?? "there is no such entry";
        }
        OffloadMatch match = flow.Match;
        return match.Missing != null ? "there is no room for it"
            : match.Found != flow ? "another of the same match ranks higher"
            : !match.IsExact && flow.Rank <= _masks.Floor ? "one of its priority or above has no room"
            : flow.Reason;
    }

    /// <summary>Has ports look packets up, or give all to the software.</summary>
    private OffloadablePort[] Serve()
    {
        OffloadablePort[] ports = Array.ConvertAll(_ports, port => new OffloadablePort(port, _slots.GetValueOrDefault(port.Number, -1)));
        for (int slot = 0; slot < OffloadLayout.MostPorts; slot++)
        {
            bool serves = _suspended == null && !_isDisposed && !_held.ContainsKey(slot) && Array.Exists(ports, port => port.Slot == slot && port.Receives);
            Volatile.Write(ref tables.Port(slot)->Serves, serves ? 1u : 0);
        }
        return ports;
    }

    /// <summary>Has ports look packets up again that were held for long enough.</summary>
    private void Release()
    {
        foreach ((int slot, int left) in _held.Where(held => held.Value < int.MaxValue).ToArray())
        {
            _held[slot] = left - 1;
            if (left <= 1)
            {
                _held.Remove(slot);
            }
        }
        Serve();
    }

    private void Put(in OffloadEntry entry)
    {
        OffloadMatch match = MatchOf(entry);
        OffloadFlow flow = new(entry, match);
        _flows[flow.Id] = flow;
        match.Add(flow);
        Show(match);
    }

    private OffloadMatch MatchOf(in OffloadEntry entry)
    {
        if (!_matches.TryGetValue((entry.Key, entry.Mask), out OffloadMatch? match))
        {
            _matches[(entry.Key, entry.Mask)] = match = new OffloadMatch(entry.Key, entry.Mask, entry.IsExact);
        }
        return match;
    }

    /// <summary>Has the program find the highest entry of a match, or notes that it does not.</summary>
    private void Show(OffloadMatch match)
    {
        OffloadFlow? wanted = match.Highest;
        if (wanted != null && wanted == match.Found)
        {
            return;
        }
        if (match.Found is OffloadFlow found)
        {
            if (wanted != null)
            {
                _masks.Shield(Math.Max(wanted.Priority, found.Priority));
                tables.WaitForPrograms();
            }
            tables.Delete(new LookupKey { Key = match.Key, Mask = match.FoundBy });
            if (!match.IsExact)
            {
                _masks.Remove(match.Mask, found.Priority);
            }
            match.Found = null;
            tables.WaitForPrograms(); // its memory is the next one's
        }
        bool isShown = wanted == null || TryShow(match, wanted);
        Note(match, isShown ? null : wanted!.Priority);
        if (wanted == null)
        {
            _matches.Remove((match.Key, match.Mask));
        }
    }

    private bool TryShow(OffloadMatch match, OffloadFlow flow)
    {
        uint mask = 0;
        if (!TryTakeElement(flow) || (!match.IsExact && (mask = _masks.TryAdd(match.Mask, flow.Priority)) == 0))
        {
            return false;
        }
        LookupKey key = new() { Key = match.Key, Mask = mask };
        if (!tables.TryInsert(key, new LookupValue { Entry = flow.Id, Rank = flow.Rank }))
        {
            if (!match.IsExact)
            {
                _masks.Remove(match.Mask, flow.Priority);
            }
            return false;
        }
        (match.Found, match.FoundBy) = (flow, mask);
        return true;
    }

    /// <summary>Takes the element of an entry's number, its counts 0.</summary>
    private bool TryTakeElement(OffloadFlow flow)
    {
        if (flow.HasElement)
        {
            return true;
        }
        ulong* element = tables.Entry(flow.Id);
        if (element == null)
        {
            return false;
        }
        new Span<byte>(element, tables.Layout.EntryBytes).Clear();
        flow.HasElement = true;
        Compile(flow);
        return true;
    }

    /// <summary>Notes the priority of an entry that should be found and is not; it is tried again later.</summary>
    private void Note(OffloadMatch match, ushort? missing)
    {
        if (missing is ushort priority)
        {
            _masks.AddMissing(priority);
        }
        if (match.Waiting is { } place)
        {
            _waiting.Remove(place);
        }
        match.Waiting = missing == null ? null : _waiting.AddLast(match);
        if (match.Missing is ushort before)
        {
            _masks.RemoveMissing(before);
        }
        match.Missing = missing;
    }

    /// <summary>Sets what the program does with an entry's packets.</summary>
    private void Compile(OffloadFlow flow)
    {
        if (!flow.HasElement)
        {
            return;
        }
        flow.Reason = _compiler.Compile(flow.Actions, flow.Match.InPort, out OffloadRecord record);
        ulong word = flow.Reason == null ? _records.Take(record) : 0;
        if (word == 0)
        {
            flow.Reason ??= "there is no memory for its actions";
        }
        Volatile.Write(ref *tables.Entry(flow.Id), word);
        _givenUp.Add(flow.Word);
        flow.Word = word;
    }

    /// <summary>Returns when what was changed is in force.</summary>
    private void Finish()
    {
        _masks.Publish();
        tables.WaitForPrograms();
        _givenUp.ForEach(_records.Give);
        _givenUp.Clear();
    }
}
