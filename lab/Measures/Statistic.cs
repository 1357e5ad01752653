using System.Diagnostics;

namespace Softswitch.Lab.Measures;

/// <summary>Figures over several slices of a measurement.</summary>
internal static class Statistic
{
    /// <summary>The longest time between two that follow each other, as lies between these two (Stopwatch.GetTimestamp) in part at least.</summary>
    /// <param name="times">In order.</param>
    /// <param name="isCut">Whether only that part counts.</param>
    public static TimeSpan LongestGap(IEnumerable<long> times, long from = long.MinValue, long to = long.MaxValue, bool isCut = false)
    {
        long longest = 0;
        long? last = null;
        foreach (long time in times)
        {
            if (last is { } before && time > from && before < to)
            {
                longest = Math.Max(longest, isCut ? Math.Min(time, to) - Math.Max(before, from) : time - before);
            }
            last = time;
        }
        return Stopwatch.GetElapsedTime(0, longest);
    }

    public static double Median(IReadOnlyCollection<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length switch
        {
            0 => 0,
            int n when n % 2 == 1 => sorted[n / 2],
            int n => (sorted[(n / 2) - 1] + sorted[n / 2]) / 2,
        };
    }

    /// <summary>The lower quartile, the median and the upper one of at least one value.</summary>
    /// <remarks>
    /// Definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", the default of numpy.quantile and of R: sorted values stand at equal
    /// distances, the least at 0, the greatest at 1, and between two of them it is a straight line.
    /// </remarks>
    public static (double Lower, double Median, double Upper) Quartiles(IReadOnlyCollection<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (At(0.25), At(0.5), At(0.75));

        double At(double share)
        {
            double place = share * (sorted.Length - 1);
            int below = (int)place;
            double above = sorted[Math.Min(below + 1, sorted.Length - 1)];
            return sorted[below] + ((place - below) * (above - sorted[below]));
        }
    }
}
