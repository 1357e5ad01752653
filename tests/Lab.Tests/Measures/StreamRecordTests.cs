using Softswitch.Lab.Measures;

namespace Softswitch.Lab.Tests.Measures;

public sealed class StreamRecordTests
{
    private const long Second = 1_000_000_000; // of Stopwatch, on Linux

    [Fact]
    public void Every_packet_that_arrives_once_and_in_order_is_no_news()
    {
        StreamSummary summary = Arrivals(4, 0, 1, 2, 3).Summarise();
        Assert.Equal((4, 4, 0, 0, 0, 0), Counts(summary));
    }

    [Fact]
    public void Lost_packets_are_counted_and_the_longest_run_of_them()
    {
        StreamSummary summary = Arrivals(10, 0, 2, 3, 7, 9).Summarise();
        Assert.Equal((10, 5, 5, 0, 0, 3), Counts(summary));
    }

    [Fact]
    public void A_second_arrival_is_a_duplicate_and_not_a_packet()
    {
        StreamSummary summary = Arrivals(3, 0, 1, 1, 0, 2).Summarise();
        Assert.Equal((3, 3, 0, 2, 0, 0), Counts(summary));
    }

    [Fact]
    public void What_arrives_after_a_later_one_is_out_of_order()
    {
        StreamSummary summary = Arrivals(5, 0, 3, 1, 2, 4).Summarise();
        Assert.Equal((5, 5, 0, 0, 2, 0), Counts(summary));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(int.MaxValue)]
    public void A_number_that_was_never_sent_is_no_packet_of_ours(int number)
    {
        StreamRecord record = Arrivals(3, 0);
        record.Arrive(number, Second);
        Assert.Equal(1, record.Received);
    }

    [Fact]
    public void Losses_belong_to_the_time_they_were_sent_in()
    {
        StreamRecord record = Arrivals(6, 0, 1, 4);
        Assert.Equal(0, record.LostBetween(record.SentAt(0), record.SentAt(2)));
        Assert.Equal(2, record.LostBetween(record.SentAt(2), record.SentAt(5)));
        Assert.Equal(3, record.LostBetween(record.SentAt(0), long.MaxValue));
        Assert.Equal(3, record.LossSeries(record.SentAt(0), TimeSpan.FromHours(1)).Sum(bin => bin.Y));
    }

    [Fact]
    public void The_first_packet_sent_after_a_time_is_found()
    {
        StreamRecord record = Arrivals(3);
        Assert.Equal(0, record.FirstSentAfter(0));
        Assert.Equal(1, record.FirstSentAfter(record.SentAt(0) + 1));
        Assert.Equal(3, record.FirstSentAfter(long.MaxValue));
    }

    [Fact]
    public void Delays_and_gaps_are_those_of_what_arrived()
    {
        var record = new StreamRecord(3);
        for (int i = 1; i <= 3; i++)
        {
            record.BeginSend(i * Second);
        }
        record.Arrive(0, 2 * Second);
        record.Arrive(1, 6 * Second);
        StreamSummary summary = record.Summarise();
        Assert.Equal((4, 4), (summary.LongestDelay.TotalSeconds, summary.LongestGap.TotalSeconds));
    }

    [Fact]
    public void A_gap_belongs_to_every_time_it_reaches_into()
    {
        var record = new StreamRecord(4);
        foreach (int second in new[] { 10, 11, 16, 18 })
        {
            record.Arrive(record.BeginSend(Second), second * Second);
        }
        Assert.Equal(5, Gap(record, 12, 13));
        Assert.Equal(5, Gap(record, 15, 17));
        Assert.Equal(2, Gap(record, 16, 17));
        Assert.Equal(0, Gap(record, 18, 20));
    }

    private static double Gap(StreamRecord record, long from, long to) =>
        record.LongestGapBetween(from * Second, to * Second).TotalSeconds;

    /// <summary>A record of so many packets sent, one a second, of which these arrived afterwards, in this order.</summary>
    private static StreamRecord Arrivals(int sent, params int[] arrived)
    {
        var record = new StreamRecord(sent);
        long now = 0;
        for (int i = 0; i < sent; i++)
        {
            record.BeginSend(now += Second);
        }
        foreach (int number in arrived)
        {
            record.Arrive(number, now += Second);
        }
        return record;
    }

    private static (int Sent, int Received, int Lost, int Duplicates, int Reordered, int LongestLoss) Counts(StreamSummary summary) =>
        (summary.Sent, summary.Received, summary.Lost, summary.Duplicates, summary.Reordered, summary.LongestLoss);
}
