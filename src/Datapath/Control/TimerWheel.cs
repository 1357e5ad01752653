using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>Finds the flow entries whose timeouts may be due: a hashed timing wheel (Varghese, Lauck 1987).</summary>
/// <remarks>
/// Scheduling, cancelling and visiting cost the same with a million entries as with one. An idle timeout is not moved by packets; the entry is visited when
/// it would be due and put back if it was used since. Times in milliseconds of the control clock. Threads: the control side.
/// </remarks>
internal sealed class TimerWheel
{
    /// <summary>How late a timeout may be noticed.</summary>
    public const int TickMilliseconds = 100;

    private const int Slots = 4096;

    private readonly FlowStore _store;
    private readonly uint[] _heads = new uint[Slots];
    private long _tick;
    private int _scheduled;

    public TimerWheel(FlowStore store, long nowMilliseconds)
    {
        _store = store;
        _tick = nowMilliseconds / TickMilliseconds;
    }

    public bool IsEmpty => _scheduled == 0;

    /// <summary>Has the entry visited at or soon after <paramref name="dueMilliseconds"/>, possibly before if that is far away.</summary>
    public void Schedule(uint index, long dueMilliseconds)
    {
        long tick = (dueMilliseconds + TickMilliseconds - 1) / TickMilliseconds;
        tick = Math.Clamp(tick, _tick + 1, _tick + Slots - 1);
        int slot = (int)(tick % Slots);
        ref FlowRecord record = ref _store.Record(index);
        record.TimerSlot = (ushort)(slot + 1);
        record.TimerPrevious = 0;
        record.TimerNext = _heads[slot];
        if (record.TimerNext != 0)
        {
            _store.Record(record.TimerNext).TimerPrevious = index;
        }
        _heads[slot] = index;
        _scheduled++;
    }

    public void Cancel(uint index)
    {
        ref FlowRecord record = ref _store.Record(index);
        if (record.TimerSlot == 0)
        {
            return;
        }
        if (record.TimerPrevious != 0)
        {
            _store.Record(record.TimerPrevious).TimerNext = record.TimerNext;
        }
        else
        {
            _heads[record.TimerSlot - 1] = record.TimerNext;
        }
        if (record.TimerNext != 0)
        {
            _store.Record(record.TimerNext).TimerPrevious = record.TimerPrevious;
        }
        record.TimerSlot = 0;
        _scheduled--;
    }

    /// <summary>Takes one entry whose visit is due off the wheel; false when there is none up to <paramref name="nowMilliseconds"/>.</summary>
    public bool TryTakeDue(long nowMilliseconds, out uint index)
    {
        long now = nowMilliseconds / TickMilliseconds;
        if (now - _tick >= Slots)
        {
            _tick = now - Slots + 1; // every slot is due once
        }
        while (true)
        {
            index = _heads[(int)(_tick % Slots)];
            if (index != 0)
            {
                Cancel(index);
                return true;
            }
            if (_tick >= now)
            {
                return false;
            }
            _tick++;
        }
    }
}
