using Softswitch.Bench.Sides;
using Softswitch.OfAgent.Client;

namespace Softswitch.Bench.Tests;

/// <summary>Which exceptions are there because somebody asked a benchmark to end.</summary>
public sealed class InterruptionTests
{
    [Fact]
    public void A_connection_that_ends_just_before_the_signal_is_heard_of_is_the_signal_s_doing()
    {
        using var source = new CancellationTokenSource();
        var late = new Thread(() =>
        {
            Thread.Yield();
            source.Cancel();
        });
        bool isOver = false;
        source.Token.Attempt(() =>
        {
            late.Start();
            isOver = true;
            throw new OfClientException("the switch closed the connection");
        });
        late.Join();
        Assert.True(isOver);
    }

    [Fact]
    public void Without_a_signal_a_failure_is_a_failure() =>
        Assert.Throws<CompareException>(() => CancellationToken.None.Attempt(() => throw new CompareException("nothing was delivered")));

    [Fact]
    public void After_the_signal_everything_that_fails_is_its_doing()
    {
        var cancelled = new CancellationToken(canceled: true);
        cancelled.Attempt(() => throw new InvalidOperationException("a program has ended"));
        cancelled.Attempt(() => cancelled.Wait(TimeSpan.FromHours(1)));
        Assert.Throws<OperationCanceledException>(() => Enumerable.Range(0, 10).Until(cancelled).Count());
    }
}
