using Softswitch.OfAgent.Agent;

namespace Softswitch.OfAgent.Tests.Agent;

public sealed class ReconnectDelayTests
{
    [Fact]
    public void Failures_double_the_wait_up_to_eight_seconds()
    {
        ReconnectDelay delay = new();

        Assert.Equal([1, 2, 4, 8, 8], Enumerable.Range(0, 5).Select(_ => delay.Next(worked: false).TotalSeconds));
    }

    [Fact]
    public void After_a_working_connection_the_next_attempt_comes_within_a_second_and_the_waits_start_over()
    {
        ReconnectDelay delay = new();
        delay.Next(worked: false);
        delay.Next(worked: false);

        Assert.InRange(delay.Next(worked: true), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.Equal(ReconnectDelay.First, delay.Next(worked: false));
    }
}
