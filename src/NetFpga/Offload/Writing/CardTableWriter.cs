using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>Writes rows and slots of a card in an order in which the frames of an entry never meet one that it shields, and counts hits.</summary>
/// <remarks>If a method throws <see cref="RegisterAccessException"/>, the tables may hold anything: <see cref="Clear"/> and <see cref="InvalidateSlots"/> are to follow.</remarks>
internal sealed class CardTableWriter
{
    private readonly CardRows _rows;
    private readonly CardSlots _slots;

    /// <param name="credit">Takes packets and bytes that hit a flow since it was called last for it.</param>
    /// <param name="log">Takes a line for people.</param>
    public CardTableWriter(IRegisterAccess registers, CardLayout layout, Action<CardFlow, uint, uint> credit, Action<string> log)
    {
        _rows = new CardRows(registers, layout, credit);
        _slots = new CardSlots(registers, credit);
        Poller = new CardPoller(_rows, _slots, log);
    }

    /// <summary>Whether the planned flows are on the card: from <see cref="Fill"/> to <see cref="Clear"/> or <see cref="InvalidateRows"/>.</summary>
    public bool IsFilled { get; private set; }

    public int RowsUsed => _rows.Used;

    public int SlotsUsed => _slots.Used;

    public CardPoller Poller { get; }

    /// <summary>What may still be in force after a failure, for people.</summary>
    public string MayBeInForce => $"up to {_rows.MayBeUsedCount} rows and {_slots.MayBeOnCount} slots";

    /// <summary>Writes all planned flows to a card whose tables are empty: slots, then rows from the top.</summary>
    public void Fill(Placement planned)
    {
        for (int slot = 0; slot < CardRegisters.SlotCount; slot++)
        {
            if (planned.Slots[slot] is CardFlow flow)
            {
                _slots.Enter(slot, flow);
            }
        }
        _rows.Apply(planned.Rows, removed: null);
        IsFilled = true;
    }

    /// <summary>Writes slots before rows: a flow that moves from a row to a slot must be in the slot before its row goes.</summary>
    /// <param name="rows">As planned now; null if they are as before.</param>
    /// <param name="removed">The flow that was removed from the table, if any.</param>
    public void Change(IReadOnlyList<SlotChange> slots, IReadOnlyList<RowItem>? rows, CardFlow? removed)
    {
        foreach (SlotChange change in slots)
        {
            _slots.Apply(change);
        }
        if (rows != null)
        {
            _rows.Apply(rows, removed);
        }
    }

    /// <summary>Takes all flows off the card: rows from the bottom, then the slots, which shield their frames from the rows until then.</summary>
    public void Clear()
    {
        IsFilled = false;
        _rows.Clear();
        _slots.Clear();
    }

    /// <inheritdoc cref="CardRows.Invalidate"/>
    public void InvalidateRows()
    {
        IsFilled = false;
        _rows.Invalidate();
    }

    /// <inheritdoc cref="CardSlots.Invalidate"/>
    public void InvalidateSlots() => _slots.Invalidate();

    /// <summary>Counts the hits of one flow.</summary>
    public void Poll(CardFlow flow)
    {
        if (flow.Slot >= 0)
        {
            _slots.Poll(flow.Slot);
        }
        foreach (int row in RowsOf(flow))
        {
            _rows.Poll(row);
        }
    }

    /// <summary>Counts the hits of all rows.</summary>
    public void PollRows() => _rows.Poll();

    /// <summary>Hits of the rows in use, each since the row was put in.</summary>
    public IReadOnlyDictionary<int, CardHits> RowHits() => Enumerable.Range(0, CardRows.Count).Where(row => _rows[row] != null).ToDictionary(row => row, _rows.Hits);

    /// <summary>The slot that a flow has; null for none.</summary>
    public int? SlotOf(CardFlow flow) => flow.Slot >= 0 && _slots.IsOn(flow.Slot) ? flow.Slot : null;

    /// <summary>The rows that a flow has.</summary>
    public int[] RowsOf(CardFlow flow) => [.. Enumerable.Range(0, CardRows.Count).Where(row => ReferenceEquals(_rows[row]?.Flow, flow))];
}
