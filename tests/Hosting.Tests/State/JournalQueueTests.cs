using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.State;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.State;

/// <summary>What waits for the disk.</summary>
public sealed class JournalQueueTests : IDisposable
{
    private readonly JournalQueue _queue = new(StateClock.ForThisMachine(new TestTime()), new PortMemory(), limit: 1000);

    public void Dispose() => _queue.Dispose();

    [Fact]
    public void When_it_is_full_it_keeps_what_came_first_and_takes_no_more()
    {
        _queue.Open(new JournalBuffer(1000));
        for (uint i = 1; i <= 20; i++)
        {
            _queue.Put(new FlowStatistics { Match = FlowMatch.Any, Sequence = i });
        }
        _queue.Remove(0, 1); // would fit, but comes later than what is lost
        Assert.False(_queue.IsOpen);
        JournalBuffer taken = _queue.Take(out bool hasOverflowed);
        Assert.True(hasOverflowed);
        Assert.Equal(8 * 117, taken.Length);
        Assert.Equal(0, _queue.Take(out hasOverflowed).Length);
        Assert.False(hasOverflowed);
        _queue.Open(new JournalBuffer(1000));
        _queue.Remove(0, 1);
        Assert.Equal(18, _queue.Take(out _).Length);
    }

    [Fact]
    public void Before_it_is_open_it_takes_in_nothing_but_what_ports_there_are()
    {
        _queue.Put(new FlowStatistics { Match = FlowMatch.Any, Sequence = 1 });
        _queue.NotePort("eth1", 5);
        Assert.Equal(0, _queue.Length);
        JournalBuffer known = new(1000);
        _queue.Open(known);
        Assert.NotEqual(0, known.Length);
        _queue.NotePort("eth1", 5); // is known
        Assert.Equal(0, _queue.Length);
        _queue.NotePort("eth2", 5); // has its number now
        Assert.NotEqual(0, _queue.Length);
        Assert.Equal((0, 5), (_queue.FindPort("eth1"), _queue.FindPort("eth2")));
        Assert.True(_queue.IsAnothers(5, "eth1"));
    }

    [Fact]
    public void What_was_taken_is_on_its_way_until_it_is_written()
    {
        _queue.Open(new JournalBuffer(1000));
        _queue.Remove(0, 1);
        int length = _queue.Length;
        JournalBuffer taken = _queue.Take(out _);
        Assert.Equal((length, length), (taken.Length, _queue.Length));
        _queue.Remove(0, 2);
        Assert.Equal(2 * length, _queue.Length);
        _queue.NoteWritten();
        Assert.Equal(length, _queue.Length);
    }

    [Fact]
    public void Who_waits_wakes_up_when_something_comes()
    {
        _queue.Open(new JournalBuffer(1000));
        Assert.False(_queue.Wait(TimeSpan.Zero));
        _queue.Remove(0, 1);
        Assert.True(_queue.Wait(TimeSpan.FromMinutes(1)));
    }
}
