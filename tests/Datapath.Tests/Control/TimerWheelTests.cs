using Softswitch.Datapath.Control;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>The timer wheel against a list of due times.</summary>
public sealed class TimerWheelTests
{
    [Theory]
    [InlineData(7001, 1_000)]
    [InlineData(7002, 600_000)] // beyond one turn
    [InlineData(7003, 3_000_000)]
    public void Entries_are_visited_at_their_time_or_before_and_never_forgotten(int seed, int longest)
    {
        Random random = new(seed);
        using FlowStore store = new(1000, 1);
        long now = random.Next(1_000_000);
        TimerWheel wheel = new(store, now);
        Dictionary<uint, long> due = [];
        for (int step = 0; step < 5_000; step++)
        {
            if (due.Count < 500 && store.TryAllocate(out uint added))
            {
                due[added] = now + random.Next(longest);
                wheel.Schedule(added, due[added]);
            }
            if (random.Next(5) == 0 && due.Count > 0)
            {
                uint cancelled = due.Keys.First();
                wheel.Cancel(cancelled);
                wheel.Cancel(cancelled); // again: nothing
                due.Remove(cancelled);
                store.Free(cancelled);
            }
            now += random.Next(random.Next(50) == 0 ? longest : 300);
            while (wheel.TryTakeDue(now, out uint index))
            {
                Assert.True(due.ContainsKey(index), $"seed {seed}, step {step}: visited once and not after it was cancelled");
                if (due[index] <= now)
                {
                    due.Remove(index);
                    store.Free(index);
                }
                else
                {
                    wheel.Schedule(index, due[index]);
                }
            }
            Assert.All(due.Values, time => Assert.True(time > now - TimerWheel.TickMilliseconds, $"seed {seed}, step {step}: due {time}, now {now}"));
            Assert.Equal(due.Count == 0, wheel.IsEmpty);
        }
    }
}
