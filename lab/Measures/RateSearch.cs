namespace Softswitch.Lab.Measures;

/// <summary>A trial as the search sees it.</summary>
internal interface IRateTrial
{
    /// <summary>Packets a second that were offered, which may be fewer than were asked for.</summary>
    double OfferedPerSecond { get; }

    /// <summary>Of those offered, the share that did not arrive.</summary>
    double LossShare { get; }
}

/// <summary>The highest rate without loss (RFC 2544 §26.1), by halving, with loss verified (ETSI GS NFV-TST 009 §12.3.3).</summary>
/// <param name="Tolerance">The share of loss that counts as none.</param>
/// <param name="Resolution">The search ends when what is left is this share of the rate.</param>
/// <param name="Attempts">
/// A rate fails when so many trials in a row have loss. On a machine that does other things too, a single loss may be that the switch was
/// not let run.
/// </param>
internal sealed record RateSearch(double Tolerance, double Resolution, int Attempts)
{
    // Below this share of the first rate there is no use in searching.
    private const double Least = 1.0 / 64;

    /// <param name="trial">Offers so many packets a second, infinity for as many as there can be.</param>
    /// <param name="unlimited">A trial at infinity, where the search begins.</param>
    /// <returns>The trial of the highest rate that passed; null if none did.</returns>
    public T? Find<T>(T unlimited, Func<double, T> trial)
        where T : class, IRateTrial
    {
        if (Passes(unlimited))
        {
            return unlimited;
        }
        double low = 0;
        double high = unlimited.OfferedPerSecond;
        double next = high * (1 - unlimited.LossShare);
        T? best = null;
        while (high - low > Resolution * high && high > Least * unlimited.OfferedPerSecond)
        {
            next = next > low && next < high ? next : (low + high) / 2;
            if (Try(next, trial) is { } passed)
            {
                best = best == null || passed.OfferedPerSecond > best.OfferedPerSecond ? passed : best;
                low = next;
            }
            else
            {
                high = next;
            }
            next = (low + high) / 2;
        }
        return best;
    }

    private T? Try<T>(double rate, Func<double, T> trial)
        where T : class, IRateTrial
    {
        for (int i = 0; i < Attempts; i++)
        {
            T result = trial(rate);
            if (Passes(result))
            {
                return result;
            }
        }
        return null;
    }

    private bool Passes(IRateTrial trial) => trial.LossShare <= Tolerance;
}
