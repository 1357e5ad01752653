using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>Idle and hard timeouts of flow entries. Threads: under the control lock.</summary>
/// <param name="remove">Takes an entry out of the table, and out of here.</param>
internal sealed class FlowTimeouts(
    FlowStore store, FlowEntries entries, FlowOffloads offloads, ControlClock clock, ControlLock controlLock,
    Action<uint, FlowRemovedReason> remove)
{
    // Entries looked at before it is looked whether others wait for the control lock.
    private const int SliceLength = 64;

    private readonly TimerWheel _timers = new(store, clock.Milliseconds);

    /// <summary>Whether <see cref="Expire"/> has anything to look after.</summary>
    public bool Any => !_timers.IsEmpty;

    /// <summary>Whether nothing is removed for now.</summary>
    public bool IsSuspended { get; set; }

    /// <summary>Takes in a new entry, if it has a timeout.</summary>
    public void Add(uint index)
    {
        ref FlowRecord record = ref store.Record(index);
        if ((record.IdleTimeoutSeconds | record.HardTimeoutSeconds) != 0)
        {
            _timers.Schedule(index, DueAt(index, clock.Milliseconds, out _));
        }
    }

    public void Remove(uint index) => _timers.Cancel(index);

    /// <summary>Removes what timed out.</summary>
    /// <returns>Whether there is more: it stops when others have waited for the control lock for long.</returns>
    public bool Expire()
    {
        long now = clock.Milliseconds;
        for (int visited = 0; !IsSuspended && _timers.TryTakeDue(now, out uint index);)
        {
            long due = DueAt(index, now, out FlowRemovedReason reason);
            if (due <= now && reason == FlowRemovedReason.IdleTimeout && offloads.Any)
            {
                entries.ReadCounters(index, poll: true);
                due = DueAt(index, now, out reason); // packets that hardware forwarded unseen keep it
            }
            if (due <= now)
            {
                remove(index, reason);
            }
            else
            {
                _timers.Schedule(index, due);
            }
            if (++visited % SliceLength == 0 && controlLock.IsOverdue)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>When a packet last met the entry, or when it was added; milliseconds of the control clock.</summary>
    public static long LastUsed(in FlowRecord record, in FlowCounters counters, long now) =>
        (counters.Packets | counters.LastUsed) == 0 ? RoundUp(record.InstalledAt) : ControlClock.Widen(counters.LastUsed, now) + 1;

    // Rounded up, and a packet's stamp, which was rounded down, by one more: no timeout is early by a fraction of a millisecond.
    public static long RoundUp(long ticks) => (ticks / TimeSpan.TicksPerMillisecond) + (ticks % TimeSpan.TicksPerMillisecond > 0 ? 1 : 0);

    private long DueAt(uint index, long now, out FlowRemovedReason reason)
    {
        ref FlowRecord record = ref store.Record(index);
        long hard = record.HardTimeoutSeconds == 0 ? long.MaxValue : RoundUp(record.InstalledAt) + (record.HardTimeoutSeconds * 1000L);
        long idle = long.MaxValue;
        if (record.IdleTimeoutSeconds != 0)
        {
            idle = LastUsed(record, entries.ReadCounters(index), now) + (record.IdleTimeoutSeconds * 1000L);
        }
        reason = idle < hard ? FlowRemovedReason.IdleTimeout : FlowRemovedReason.HardTimeout;
        return Math.Min(idle, hard);
    }
}
