using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Writing;

/// <summary>Polls the tables in force: reads counters before they overflow, and finds entries that another program changed.</summary>
/// <param name="log">Takes a line for people.</param>
internal sealed class CardPoller(CardRows rows, CardSlots slots, Action<string> log)
{
    /// <summary>A row's bytes run through 32 bits in 8.6 seconds, a slot's packets reach bit 24 in 11 (docs/netfpga-hardware.md, counters): every counter is read twice in that time.</summary>
    public const int SlotMilliseconds = 4000;
    public const int RowMilliseconds = 1000;

    /// <summary>Slots compared with what they should hold, in each slice.</summary>
    private const int SlotChecks = 2;

    private long _slotsPolled;
    private int _nextSlot;
    private int _nextCheck;
    private int _nextRow;

    /// <summary>Counts all rows' hits and compares one of them with what it should hold; if it was changed, all of them. To be called every <see cref="RowMilliseconds"/>.</summary>
    public void LookAtRows()
    {
        rows.Poll();
        _nextRow = (_nextRow + 1) % CardRows.Count;
        if (rows.IsIntact(_nextRow))
        {
            return;
        }
        log($"row {_nextRow} was changed by someone else; the rows are written again");
        for (int row = 0; row < CardRows.Count; row++)
        {
            if (!rows.IsIntact(row))
            {
                rows.Repair(row);
            }
        }
    }

    /// <summary>Counts the hits of as many slots as the time since the last slice asks for, and compares a few, others each time, with what they should hold.</summary>
    /// <param name="now">Control clock in milliseconds.</param>
    public void LookAtSlots(long now)
    {
        Poll(now);
        for (int i = 0; i < SlotChecks && slots.NextOn(_nextCheck) is int slot; i++)
        {
            _nextCheck = (slot + 1) % CardRegisters.SlotCount;
            if (!slots.IsIntact(slot))
            {
                log($"slot {slot} was changed by someone else; it is written again");
                slots.Repair(slot);
            }
        }
    }

    private void Poll(long now)
    {
        long share = CardRegisters.SlotCount * Math.Clamp(now - _slotsPolled, 0, SlotMilliseconds) / SlotMilliseconds;
        if (share == 0 || slots.Used == 0)
        {
            return;
        }
        _slotsPolled = now;
        for (; share > 0; share--)
        {
            slots.Poll(_nextSlot);
            _nextSlot = (_nextSlot + 1) % CardRegisters.SlotCount;
        }
    }
}
