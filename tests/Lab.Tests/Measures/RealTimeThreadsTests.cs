using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Measures;

public sealed class RealTimeThreadsTests
{
    [Fact]
    public void A_thread_is_ahead_of_others_until_it_is_let_go()
    {
        Needs.Root();
        using var command = RunningCommand.Start("sleep", ["1000"]);
        Eventually.True(() => PolicyOf(command.ProcessId) == 0 && File.ReadAllText($"/proc/{command.ProcessId}/comm") == "sleep\n", () => "no sleep");
        using (var threads = new RealTimeThreads((command.ProcessId, "sle")))
        {
            Assert.Equal((1, 1, 1), (threads.Restless, PolicyOf(command.ProcessId), PriorityOf(command.ProcessId)));
        }
        Assert.Equal(0, PolicyOf(command.ProcessId));
    }

    [Fact]
    public void Threads_that_sleep_go_before_those_that_do_not()
    {
        Needs.Root();
        using var command = RunningCommand.Start("sleep", ["1000"]);
        using var threads = new RealTimeThreads((command.ProcessId, "no such thread"));
        Assert.Equal((0, 1, 2), (threads.Restless, PolicyOf(command.ProcessId), PriorityOf(command.ProcessId)));
    }

    // proc(5): fields 41 and 40, of which the first two are before the name's end.
    private static int PolicyOf(int process) => Field(process, 41);

    private static int PriorityOf(int process) => Field(process, 40);

    private static int Field(int process, int number) => int.Parse(
        File.ReadAllText($"/proc/{process}/stat").Split(") ")[1].Split(' ')[number - 3], System.Globalization.CultureInfo.InvariantCulture);
}
