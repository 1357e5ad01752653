using System.Diagnostics;
using System.Numerics;
using System.Text.Json.Nodes;

namespace Softswitch.Lab.Measures;

/// <summary>Counts of durations in <see cref="LatencyBuckets"/>: quantiles within 6 %, the maximum exact.</summary>
/// <remarks>Threads: one writes; others read once it rests.</remarks>
internal sealed class Histogram
{
    private readonly long[] _counts = new long[LatencyBuckets.Count];

    public long Count { get; private set; }

    public long MaxNanoseconds { get; private set; }

    public static long Nanoseconds(long stopwatchTicks) => (long)(stopwatchTicks * (1e9 / Stopwatch.Frequency));

    public void Record(long nanoseconds)
    {
        nanoseconds = Math.Max(0, nanoseconds);
        _counts[LatencyBuckets.BucketOf(nanoseconds)]++;
        Count++;
        MaxNanoseconds = Math.Max(MaxNanoseconds, nanoseconds);
    }

    /// <summary>Adds what was counted elsewhere.</summary>
    /// <param name="counts">A count for each bucket.</param>
    public void Add(ReadOnlySpan<long> counts, long maxNanoseconds)
    {
        for (int i = 0; i < counts.Length; i++)
        {
            _counts[i] += counts[i];
            Count += counts[i];
        }
        MaxNanoseconds = Math.Max(MaxNanoseconds, maxNanoseconds);
    }

    /// <summary>Adds what another counted.</summary>
    public void Add(Histogram other) => Add(other._counts, other.MaxNanoseconds);

    /// <summary>The duration that a share <paramref name="quantile"/> of all do not exceed, in microseconds; 0 without any.</summary>
    public double QuantileMicroseconds(double quantile)
    {
        long rank = (long)Math.Ceiling(quantile * Count);
        for (int i = 0; i < _counts.Length; i++)
        {
            rank -= _counts[i];
            if (rank <= 0 && _counts[i] > 0)
            {
                return Math.Min(LatencyBuckets.UpperBound(i), MaxNanoseconds) / 1e3;
            }
        }
        return 0;
    }

    /// <summary>Pairs for a curve: a share of all, and the microseconds that so many exceed. Only shares of at least one of them.</summary>
    public JsonArray ToTail()
    {
        var tail = new JsonArray();
        for (double decade = 1; decade * Count >= 1; decade /= 10)
        {
            foreach (double share in (ReadOnlySpan<double>)[decade, decade / 2, decade / 4])
            {
                if (share * Count >= 1)
                {
                    tail.Add(new JsonArray(share, QuantileMicroseconds(1 - share)));
                }
            }
        }
        return tail;
    }

    /// <summary>How many were at least so long; exact to a sixteenth.</summary>
    public long CountFrom(long nanoseconds) => _counts.Skip(LatencyBuckets.BucketOf(nanoseconds)).Sum();

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
        MaxNanoseconds = 0;
    }

    /// <summary>How many lay at or above each power of two of nanoseconds and below the next; only those that occurred.</summary>
    public IEnumerable<(long FromNanoseconds, long Count)> PowersOfTwo()
    {
        for (int power = 0; power < 64; power++)
        {
            long sum = 0;
            for (int i = 0; i < _counts.Length; i++)
            {
                sum += _counts[i] > 0 && BitOperations.Log2((ulong)Math.Max(1, LatencyBuckets.LowerBound(i))) == power ? _counts[i] : 0;
            }
            if (sum > 0)
            {
                yield return (power == 0 ? 0 : 1L << power, sum);
            }
        }
    }
}
