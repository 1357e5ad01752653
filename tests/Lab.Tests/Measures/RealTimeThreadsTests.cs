using System.Globalization;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Measures;

[Trait("Ring", "peers")]
public sealed class RealTimeThreadsTests
{
    [Fact]
    public void A_process_is_ahead_of_others_until_it_is_let_go()
    {
        Needs.Root();
        using var command = RunningCommand.Start("sleep", ["1000"]);
        using (new RealTimeThreads(command.ProcessId))
        {
            Assert.Equal(2, PolicyOf(command.ProcessId));
        }
        Assert.Equal(0, PolicyOf(command.ProcessId));
    }

    // proc(5): field 41, of which the first two are before the name's end.
    private static int PolicyOf(int process) => int.Parse(
        File.ReadAllText($"/proc/{process}/stat").Split(") ")[1].Split(' ')[41 - 3], CultureInfo.InvariantCulture);
}
