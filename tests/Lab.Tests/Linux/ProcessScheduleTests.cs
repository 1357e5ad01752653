using Softswitch.Lab.Linux;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Linux;

public sealed class ProcessScheduleTests
{
    [Fact]
    public void A_process_that_works_gets_processor_time()
    {
        long before = ProcessSchedule.Nanoseconds(Environment.ProcessId);
        long start = ThreadSchedule.CpuNanoseconds;
        while (ThreadSchedule.CpuNanoseconds - start < 1_000_000)
        {
        }
        Assert.True(ProcessSchedule.Nanoseconds(Environment.ProcessId) - before >= 1_000_000);
        Assert.NotEmpty(ProcessSchedule.ReadThreads(Environment.ProcessId));
    }

    [Fact]
    public void A_process_that_has_ended_has_none()
    {
        using RunningCommand command = RunningCommand.Start("true", []);
        command.WaitForEnd(Eventually.Bound);
        Assert.Equal(0, ProcessSchedule.Nanoseconds(command.ProcessId));
        Assert.Empty(ProcessSchedule.ReadThreads(command.ProcessId));
    }

    [Fact]
    public void What_a_child_had_is_known_when_it_has_ended()
    {
        long before = ProcessSchedule.NanosecondsOfEndedChildren();
        CommandResult said = RunningCommand.Execute("sh", "-c", "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; cut -d ' ' -f 1 /proc/$$/schedstat");
        long ran = long.Parse(said.Checked().Output, System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(ProcessSchedule.NanosecondsOfEndedChildren() - before >= 0.9 * ran);
    }
}
