using System.Net;
using System.Net.Sockets;
using Softswitch.Lab.Measures;
using Softswitch.Scenarios.L3Mig;
using Softswitch.Testing;

namespace Softswitch.Scenarios.Tests;

/// <summary>What of a migration is counted to which of its phases, and how long is waited for sessions that may be dead.</summary>
public sealed class L3MigMeasuresTests
{
    private const long Second = 1_000_000_000; // of Stopwatch, on Linux

    [Theory]
    [InlineData(0, 10, 1)]
    [InlineData(10, 20, 1)] // the VM leaves at 20; its outage is from 19 to 25
    [InlineData(20, 30, 5)]
    [InlineData(21, 23, 2)]
    public void A_gap_counts_for_a_phase_as_far_as_it_lies_in_it(int from, int to, int gap)
    {
        long[] times = [.. Enumerable.Range(0, 31).Where(time => time is < 20 or >= 25).Select(time => time * Second)];
        Assert.Equal(TimeSpan.FromSeconds(gap), Statistic.LongestGap(times, from * Second, to * Second, isCut: true));
    }

    [Theory]
    [InlineData(10, 30, 30 - 0.05)]
    [InlineData(29.99, 30, 29.99)] // a phase that is shorter than packets are under way
    public void What_was_under_way_when_the_machine_left_is_lost_by_the_move(double copying, double left, double boundary)
    {
        L3MigPhases move = Make(At(1), At(copying), At(left), At(40));
        Assert.Equal(At(1), move.SentAt(move.Before.From));
        Assert.Equal(At(copying), move.SentAt(move.Before.To));
        Assert.Equal(At(copying), move.SentAt(move.During.From));
        Assert.Equal(At(boundary), move.SentAt(move.During.To));
        Assert.Equal(At(boundary), move.SentAt(move.After.From));
        Assert.Equal(At(40), move.SentAt(move.After.To));
    }

    [Fact]
    public void What_has_come_is_seen_when_others_have_used_up_the_time_and_what_has_not_is_not_waited_for()
    {
        (Socket one, Socket other) = Connect();
        using Socket first = one, second = other;
        Assert.False(L3MigConnections.WaitToRead(second, began: 0, TimeSpan.Zero, CancellationToken.None));
        first.Send([1]);
        Assert.True(L3MigConnections.WaitToRead(second, began: 0, TimeSpan.MaxValue, CancellationToken.None));
        Assert.True(L3MigConnections.WaitToRead(second, began: 0, TimeSpan.Zero, CancellationToken.None));
    }

    [Fact]
    public void Waiting_for_a_dead_session_ends_with_the_run()
    {
        (Socket one, Socket other) = Connect();
        using Socket first = one, second = other;
        using var cancellation = new CancellationTokenSource();
        Task<bool> waiting = Task.Run(() => L3MigConnections.WaitToRead(second, began: 0, TimeSpan.MaxValue, cancellation.Token), CancellationToken.None);
        cancellation.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => Eventually.Ended(waiting));
    }

    private static long At(double seconds) => (long)Math.Round(seconds * Second);

    private static L3MigPhases Make(long ordered, long copying, long left, long end)
    {
        TimeSpan none = TimeSpan.Zero;
        return new L3MigPhases(
            new L3MigPhase(ordered, copying, none, 0), new L3MigPhase(copying, left, none, 0), new L3MigPhase(left, end, none, 0))
        {
            CleanUp = none,
            CleanUpFlowMods = 0,
            Outage = new L3MigOutage(none, none, none),
            Copy = null,
            Moved = new L3MigMoved(new HostMove(Place: 1, left, left, FlowMods: 0, Figures: null), left),
        };
    }

    private static (Socket One, Socket Other) Connect()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var one = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        one.Connect(listener.LocalEndPoint!);
        return (one, listener.Accept());
    }
}
