using Softswitch.Lab.Linux;

namespace Softswitch.Lab.Tests.Linux;

/// <summary>The kernel's word on a thread's time.</summary>
public sealed class ThreadScheduleTests
{
    [Fact]
    public void Time_on_a_processor_grows_with_work_and_waiting_never_shrinks()
    {
        using var schedule = new ThreadSchedule();
        Assert.SkipUnless(schedule.TryRead(out long waited, out long slices), "this kernel has no /proc/thread-self/schedstat");
        long start = ThreadSchedule.CpuNanoseconds;
        Assert.True(start > 0);
        while (ThreadSchedule.CpuNanoseconds < start + 1_000_000)
        {
            Thread.SpinWait(100);
        }
        Assert.True(schedule.TryRead(out long waitedAfter, out long slicesAfter));
        Assert.True(waitedAfter >= waited);
        Assert.True(slicesAfter >= slices);
        Assert.True(slices > 0);
    }
}
