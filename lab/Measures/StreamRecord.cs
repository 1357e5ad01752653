using System.Diagnostics;

namespace Softswitch.Lab.Measures;

/// <summary>What became of a stream of numbered packets: when each was sent, when it first arrived, and what arrived oddly.</summary>
/// <remarks>
/// Times are Stopwatch.GetTimestamp's. Threads: one that sends, one that receives; <see cref="Summarise"/> and the like after both have ended.
/// </remarks>
/// <param name="capacity">Packets there can be.</param>
internal sealed class StreamRecord(int capacity)
{
    private readonly long[] _sentAt = new long[capacity];
    private readonly long[] _arrivedAt = new long[capacity];
    private int _sent;
    private int _received;
    private int _duplicates;
    private int _reordered;
    private int _highest = -1;

    public int Capacity => capacity;

    /// <summary>So far.</summary>
    public int Sent => Volatile.Read(ref _sent);

    /// <summary>Different packets so far.</summary>
    public int Received => Volatile.Read(ref _received);

    /// <summary>Whether nothing is under way behind the packet that was sent last.</summary>
    public bool HasLastArrived => Sent is var sent && (sent == 0 || Volatile.Read(ref _arrivedAt[sent - 1]) != 0);

    /// <summary>Takes the next number; to be called before the packet is sent.</summary>
    public int BeginSend(long when)
    {
        int number = _sent;
        _sentAt[number] = when;
        Volatile.Write(ref _sent, number + 1);
        return number;
    }

    /// <param name="number">Of the packet; what was never sent is no packet of ours.</param>
    public void Arrive(int number, long when)
    {
        if ((uint)number >= (uint)Sent)
        {
            return;
        }
        if (_arrivedAt[number] != 0)
        {
            _duplicates++;
            return;
        }
        _arrivedAt[number] = when;
        if (number < _highest)
        {
            _reordered++;
        }
        _highest = Math.Max(_highest, number);
        Volatile.Write(ref _received, _received + 1);
    }

    public StreamSummary Summarise()
    {
        long[] delays = [.. Enumerable.Range(0, _sent).Where(HasArrived).Select(number => _arrivedAt[number] - _sentAt[number]).Order()];
        return new StreamSummary
        {
            Sent = _sent,
            Received = _received,
            Duplicates = _duplicates,
            Reordered = _reordered,
            LongestLoss = LongestLoss(),
            LongestGap = LongestGapBetween(long.MinValue, long.MaxValue),
            MedianDelay = Ticks(At(delays, 0.5)),
            HighDelay = Ticks(At(delays, 0.99)),
            LongestDelay = Ticks(At(delays, 1)),
        };
    }

    /// <summary>Whether one has arrived that was sent at this time or later; at any time.</summary>
    public bool HasArrivedSince(long when)
    {
        for (int number = Sent - 1; number >= 0 && _sentAt[number] >= when; number--)
        {
            if (Volatile.Read(ref _arrivedAt[number]) != 0)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Packets sent in this time that never arrived.</summary>
    public int LostBetween(long from, long to) => Enumerable.Range(0, _sent).Count(number => _sentAt[number] >= from && _sentAt[number] < to && !HasArrived(number));

    /// <summary>The longest time without an arrival that lies between these two, in part at least.</summary>
    public TimeSpan LongestGapBetween(long from, long to) =>
        Statistic.LongestGap(Enumerable.Range(0, _sent).Where(HasArrived).Select(number => _arrivedAt[number]).Order(), from, to);

    /// <summary>How long those took that were sent in this time and arrived.</summary>
    public IEnumerable<TimeSpan> DelaysBetween(long from, long to) => Enumerable.Range(0, _sent)
        .Where(number => _sentAt[number] >= from && _sentAt[number] < to && HasArrived(number)).Select(number => Ticks(_arrivedAt[number] - _sentAt[number]));

    /// <summary>When the packet with this number was sent.</summary>
    public long SentAt(int number) => _sentAt[number];

    /// <summary>The first packet sent at this time or later; <see cref="Sent"/> if there is none.</summary>
    public int FirstSentAfter(long when)
    {
        int place = Array.BinarySearch(_sentAt, 0, _sent, when);
        return place < 0 ? ~place : place;
    }

    /// <summary>The longest delay in milliseconds of the packets sent in each interval, against seconds since <paramref name="start"/>.</summary>
    public IReadOnlyList<(double X, double Y)> DelaySeries(long start, TimeSpan interval) =>
        [.. Bins(start, interval).Select(bin => (bin.Seconds, bin.Numbers.Where(HasArrived).Select(number => Ticks(_arrivedAt[number] - _sentAt[number]).TotalMilliseconds)))
            .Where(bin => bin.Item2.Any()).Select(bin => (bin.Seconds, bin.Item2.Max()))];

    /// <summary>How many of the packets sent in each interval were lost.</summary>
    public IReadOnlyList<(double X, double Y)> LossSeries(long start, TimeSpan interval) =>
        [.. Bins(start, interval).Select(bin => (bin.Seconds, (double)bin.Numbers.Count(number => !HasArrived(number))))];

    private static TimeSpan Ticks(long ticks) => Stopwatch.GetElapsedTime(0, ticks);

    private static long At(long[] sorted, double share) => sorted.Length == 0 ? 0 : sorted[(int)Math.Ceiling(share * (sorted.Length - 1))];

    private bool HasArrived(int number) => _arrivedAt[number] != 0;

    private int LongestLoss()
    {
        int longest = 0;
        int run = 0;
        for (int number = 0; number < _sent; number++)
        {
            run = HasArrived(number) ? 0 : run + 1;
            longest = Math.Max(longest, run);
        }
        return longest;
    }

    private IEnumerable<(double Seconds, IEnumerable<int> Numbers)> Bins(long start, TimeSpan interval) =>
        Enumerable.Range(0, _sent)
            .GroupBy(number => (long)(Stopwatch.GetElapsedTime(start, _sentAt[number]) / interval))
            .Select(group => ((group.Key + 0.5) * interval.TotalSeconds, group.AsEnumerable()));
}
