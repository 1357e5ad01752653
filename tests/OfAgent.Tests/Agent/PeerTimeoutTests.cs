using Softswitch.OfAgent.Agent;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

public sealed class PeerTimeoutTests
{
    private readonly TestTime _time = new();

    [Fact]
    public void It_ends_after_the_grace_however_often_a_byte_comes()
    {
        PeerTimeout sut = new(_time);
        for (int received = 1; received <= 4; received++)
        {
            sut.BeginWait(received);
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.False(sut.IsOver);
            sut.EndWait();
        }
        sut.BeginWait(received: 5);
        _time.Advance(TimeSpan.FromSeconds(1.1));

        Assert.True(sut.IsOver);
    }

    [Fact]
    public void A_long_message_may_take_a_second_for_each_KiB()
    {
        PeerTimeout sut = new(_time);
        for (int received = 0; received < 64 * 1024; received += PeerTimeout.BytesPerSecond)
        {
            sut.BeginWait(received);
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.False(sut.IsOver);
            sut.EndWait();
        }
    }

    [Fact]
    public void Time_in_which_nothing_is_waited_for_does_not_count()
    {
        PeerTimeout sut = new(_time);
        Assert.False(sut.IsOver);
        sut.BeginWait(received: 1);
        sut.EndWait();
        _time.Advance(TimeSpan.FromHours(1));
        sut.BeginWait(received: 2);

        Assert.False(sut.IsOver);
    }

    [Fact]
    public void A_whole_message_begins_it_anew()
    {
        PeerTimeout sut = new(_time);
        for (int messages = 0; messages < 3; messages++)
        {
            sut.BeginWait(received: 1);
            _time.Advance(TimeSpan.FromSeconds(4));
            Assert.False(sut.IsOver);
            sut.EndWait();
            sut.Reset();
        }
    }
}
