namespace Softswitch.Lab.Measures;

/// <summary>Figures over several slices of a measurement.</summary>
internal static class Statistic
{
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
