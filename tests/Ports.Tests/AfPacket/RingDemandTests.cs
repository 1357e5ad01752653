using Softswitch.Ports.AfPacket;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfPacket;

/// <summary>At which rates larger rings are asked for.</summary>
public sealed class RingDemandTests
{
    private readonly TestTime _time = new();
    private readonly RingDemand _sut;
    private int _woken;

    public RingDemandTests() => _sut = new RingDemand(() => _woken++, _time);

    [Theory]
    [InlineData(500, 0, 100, 1)]
    [InlineData(500, 0, 101, 0)]
    [InlineData(499, 0, 100, 0)]
    [InlineData(1000, 1000, 100, 2)]
    [InlineData(1000, 999, 100, 1)]
    [InlineData(1000, 1000, 101, 0)]
    public void A_larger_receiving_ring_is_asked_for_once(int received, int fetched, int milliseconds, int step)
    {
        for (int i = 1; i <= 5; i++)
        {
            _sut.NoteReceived(received, i * fetched);
            _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        }
        Assert.Equal((step, 0, step), (_sut.Receive, _sut.Transmit, _woken));
    }

    [Theory]
    [InlineData(100, 1)]
    [InlineData(101, 0)]
    public void A_transmitting_ring_is_asked_for_where_many_leave_one_by_one(int milliseconds, int step)
    {
        for (int i = 0; i < 5000; i++)
        {
            if (i % 1000 == 0)
            {
                _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
            }
            _sut.NoteSent();
        }
        Assert.Equal((0, step, step), (_sut.Receive, _sut.Transmit, _woken));
    }

    [Fact]
    public void A_ring_that_is_half_full_or_full_and_a_burst_ask_at_any_rate_and_each_once()
    {
        for (int i = 0; i < 3; i++)
        {
            _sut.NoteHalfFull();
            _sut.NoteFull(RingSize.OfTransmit(1));
            _sut.NoteBurst();
        }
        Assert.Equal((1, 2, true, 3), (_sut.Receive, _sut.Transmit, _sut.Bursts, _woken));
    }
}
