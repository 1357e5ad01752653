using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Offload;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>Plans the exact slots and rows of the card from the software's flow table. It knows no registers.</summary>
/// <remarks>
/// Every flow without wildcards whose frames can come by the card gets a slot if there is room. If the flow stays in software, its slot punts its frames to the
/// host, so that no row takes them. Punts give way to flows that the card can forward. <see cref="RowPlanner"/> plans the rows; to it a flow without a
/// slot is a flow in software.
/// </remarks>
internal sealed class Placement
{
    private readonly CardPorts _ports;
    private readonly FlowTranslator _translator;
    private readonly OffloadLevel _level;
    private readonly RowPlanner _rows;
    private readonly List<CardFlow> _guards = [];
    private readonly Queue<CardFlow> _waiting = [];
    private readonly List<SlotChange> _changes = [];
    private readonly List<SlotMove> _moves = [];
    private (CardFlow Punt, CardFlow Comes)? _exchange;

    /// <param name="numbers">The switch's numbers of card ports 0 to 3; 0 for one that is no port of the switch.</param>
    public Placement(CardLayout layout, OffloadLevel level, ReadOnlySpan<ushort> numbers)
    {
        _level = level;
        _ports = new CardPorts(numbers);
        _translator = new FlowTranslator(layout, level, _ports);
        _rows = new RowPlanner(_translator);
        SetPorts([], []);
    }

    public SlotTable Slots { get; } = new();

    /// <summary>The rows, highest first, as of the last <see cref="PlanRows"/>.</summary>
    public IReadOnlyList<RowItem> Rows => _rows.Rows;

    public CardFlow Make(in OffloadEntry entry) => new(entry, _ports.IngressOf(entry.Key, entry.Mask));

    public void Add(CardFlow flow)
    {
        _translator.Translate(flow);
        if (flow.Ports == 0 || FlowTranslator.IsBeyondCard(flow))
        {
            flow.Role = FlowRole.None;
        }
        else if (flow.Class == FlowClass.Exact)
        {
            AddExact(flow);
        }
        else
        {
            AddWildcards(flow);
        }
    }

    /// <summary>Takes <paramref name="old"/>'s place for one of the same match and rank.</summary>
    public void Replace(CardFlow old, CardFlow flow)
    {
        if (old.Role != FlowRole.Slot)
        {
            Remove(old);
            Add(flow);
            if (_exchange != null)
            {
                // The software forwarded its frames before, and goes on until the flow has its slot.
                flow.Role = FlowRole.Software;
                _rows.AddSoftware(flow);
            }
            return;
        }
        _translator.Translate(flow);
        int slot = old.Slot;
        Slots.Replace(old, flow);
        flow.Role = FlowRole.Slot;
        old.Role = FlowRole.None;
        _changes.Add(new SlotChange.Replace(old, flow, slot));
    }

    /// <summary>The flow's actions were replaced, or ports that it depends on changed.</summary>
    public void Modify(CardFlow flow)
    {
        if (flow.Role == FlowRole.Slot)
        {
            Retranslate(flow);
        }
        else if (flow.Class == FlowClass.Wildcard)
        {
            RemoveWildcards(flow);
            Add(flow);
        }
        else
        {
            _translator.Translate(flow);
        }
    }

    public void Remove(CardFlow flow)
    {
        if (flow.Role == FlowRole.Slot)
        {
            _changes.Add(new SlotChange.Leave(flow, flow.Slot));
            Slots.Remove(flow);
        }
        else
        {
            RemoveWildcards(flow);
        }
        flow.Role = FlowRole.None;
    }

    /// <param name="flows">The whole table.</param>
    public void SetPorts(ReadOnlySpan<OffloadPort> ports, IEnumerable<CardFlow> flows)
    {
        HashSet<ushort> changed = _ports.Set(ports);
        byte ingress = (byte)changed.Select(_ports.Find).Sum(port => port is int known ? 1 << known : 0);
        _guards.ForEach(_rows.RemoveSoftware);
        _guards.Clear();
        AddGuards();
        foreach (CardFlow flow in flows)
        {
            if (flow.Ports != 0 && ((flow.Ports & ingress) != 0 || OutputResolver.DependsOn(flow.Actions, changed)))
            {
                Modify(flow);
            }
        }
        _rows.Invalidate();
    }

    /// <summary>Tries again to place flows that found no slot.</summary>
    /// <returns>Whether one did.</returns>
    public bool RetryWaiting(int most)
    {
        bool any = false;
        for (int i = Math.Min(most, _waiting.Count); i > 0; i--)
        {
            CardFlow flow = _waiting.Dequeue();
            if (flow.Role != FlowRole.Software)
            {
                continue; // removed meanwhile
            }
            if (TryEnter(flow))
            {
                _rows.RemoveSoftware(flow);
                any = true;
            }
            else if (TryBeginExchange(flow))
            {
                return true;
            }
            else
            {
                _waiting.Enqueue(flow);
            }
        }
        return any;
    }

    /// <summary>Takes the steps that the exact table needs; they come before the rows, but for <see cref="SlotChange.Leave"/>.</summary>
    public IReadOnlyList<SlotChange> TakeChanges()
    {
        SlotChange[] changes = [.. _changes];
        _changes.Clear();
        return changes;
    }

    /// <summary>
    /// The second half of an exchange. The card holds <see cref="Rows"/> now, which shield the punt's frames, so its slot goes to the flow that the card
    /// can forward. In a single step, lower rows would take the punt's frames for a moment.
    /// </summary>
    /// <returns>Whether there was one: slots, and perhaps rows, changed.</returns>
    public bool TryEndExchange()
    {
        if (_exchange is not (CardFlow punt, CardFlow comes))
        {
            return false;
        }
        _exchange = null;
        _changes.Add(new SlotChange.Leave(punt, punt.Slot));
        Slots.Remove(punt);
        WaitForSlot(punt);
        if (comes.Role == FlowRole.Software)
        {
            _rows.RemoveSoftware(comes);
        }
        if (!TryEnter(comes))
        {
            throw new InvalidOperationException("a slot that was given up is not free");
        }
        return true;
    }

    /// <summary>Brings <see cref="Rows"/> up to date; false if there was nothing to do.</summary>
    public bool PlanRows() => _rows.Plan();

    private void AddExact(CardFlow flow)
    {
        if (TryEnter(flow) || TryBeginExchange(flow))
        {
            return;
        }
        _rows.AddSoftware(flow);
        WaitForSlot(flow);
    }

    private void WaitForSlot(CardFlow flow)
    {
        flow.Role = FlowRole.Software;
        flow.Unplaced = "both its slots are taken";
        if (flow.SlotA >= 0)
        {
            _waiting.Enqueue(flow);
        }
    }

    /// <summary>Gives a punt that is in the way of a forwardable flow to the row planner; see <see cref="TryEndExchange"/>.</summary>
    private bool TryBeginExchange(CardFlow flow)
    {
        if (flow.SlotPunts || Slots.FindInTheWay(flow, known => known.SlotPunts) is not CardFlow punt)
        {
            return false;
        }
        _rows.AddSoftware(punt);
        _exchange = (punt, flow);
        return true;
    }

    private bool TryEnter(CardFlow flow)
    {
        _moves.Clear();
        if (!Slots.TryPlace(flow, _moves))
        {
            return false;
        }
        foreach (SlotMove move in _moves)
        {
            _changes.Add(new SlotChange.Move(move.Flow, move.From, move.To));
        }
        _changes.Add(new SlotChange.Enter(flow, flow.Slot));
        flow.Role = FlowRole.Slot;
        flow.Unplaced = null;
        return true;
    }

    private void AddWildcards(CardFlow flow)
    {
        flow.Role = flow.PuntPorts == 0 ? FlowRole.None : flow.Reason == null ? FlowRole.Candidate : FlowRole.Software;
        if (flow.Role == FlowRole.Candidate)
        {
            _rows.AddCandidate(flow);
        }
        else if (flow.Role == FlowRole.Software)
        {
            _rows.AddSoftware(flow);
        }
    }

    private void RemoveWildcards(CardFlow flow)
    {
        if (flow.Role == FlowRole.Candidate)
        {
            _rows.RemoveCandidate(flow);
        }
        else if (flow.Role == FlowRole.Software)
        {
            _rows.RemoveSoftware(flow);
        }
        flow.Role = FlowRole.None;
    }

    private void Retranslate(CardFlow flow)
    {
        (SlotImage image, bool punts) = (flow.SlotImage, flow.SlotPunts);
        _translator.Translate(flow);
        if (flow.SlotImage != image || flow.SlotPunts != punts)
        {
            _changes.Add(new SlotChange.Update(flow, flow.Slot));
        }
    }

    /// <summary>Guards, which frames meet before the table: for closed ports, and in strict mode for 802.3 frames, which the card takes for others.</summary>
    private void AddGuards()
    {
        for (int port = 0; port < CardPort.Count; port++)
        {
            FlowKey key = new() { InPort = _ports.NumberOf(port) };
            FlowKey mask = new() { InPort = ushort.MaxValue };
            if ((_ports.Open & (1 << port)) == 0)
            {
                AddGuard(key, mask, port);
                continue;
            }
            if ((_ports.WithoutBpdus & (1 << port)) != 0)
            {
                AddGuard(key with { DlDst = MacAddress.BridgeGroup }, mask with { DlDst = MacAddress.Broadcast }, port);
            }
            if (_level == OffloadLevel.Strict)
            {
                // Lengths up to 0x5ff: all below 0x400, and the first half of what follows.
                AddGuard(key, mask with { DlType = Be16.FromHost(0xfc00) }, port);
                AddGuard(key with { DlType = Be16.FromHost(0x0400) }, mask with { DlType = Be16.FromHost(0xfe00) }, port);
            }
        }
    }

    private void AddGuard(in FlowKey key, in FlowKey mask, int port)
    {
        CardFlow guard = CardFlow.Guard(key, mask, port, _guards.Count);
        _guards.Add(guard);
        _rows.AddSoftware(guard);
    }
}
