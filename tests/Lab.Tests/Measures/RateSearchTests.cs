using Softswitch.Lab.Measures;

namespace Softswitch.Lab.Tests.Measures;

/// <summary>The search for the highest rate without loss, on devices made up for it.</summary>
public sealed class RateSearchTests
{
    private const double Most = 2e6; // what the generator can

    private static readonly RateSearch Search = new(Tolerance: 0, Resolution: 0.01, Attempts: 2);

    [Theory]
    [InlineData(1_900_000)]
    [InlineData(730_000)]
    [InlineData(100_000)]
    public void The_rate_up_to_which_nothing_is_lost_is_found(double capacity)
    {
        Trial? found = Find(Search, offered => offered <= capacity ? 0 : 1 - (capacity / offered));
        Assert.NotNull(found);
        Assert.InRange(found.OfferedPerSecond, capacity - (0.01 * capacity * 1.02), capacity);
    }

    [Fact]
    public void A_device_that_collapses_under_load_is_searched_below_what_it_delivers_there()
    {
        // Above 0.9 Mpps it delivers a tenth.
        Trial? found = Find(Search, offered => offered <= 900_000 ? 0 : 0.9);
        Assert.InRange(found!.OfferedPerSecond, 890_000, 900_000);
    }

    [Fact]
    public void Without_loss_at_the_generators_limit_there_is_nothing_to_search()
    {
        int trials = 0;
        var unlimited = new Trial(Most, 0);
        Trial? found = Search.Find(unlimited, _ => throw new InvalidOperationException($"trial {++trials}"));
        Assert.Same(unlimited, found);
    }

    [Fact]
    public void Where_every_rate_has_loss_nothing_is_found_in_a_bounded_number_of_trials()
    {
        int trials = 0;
        Trial? found = Find(Search, _ =>
        {
            trials++;
            return 0.5;
        });
        Assert.Null(found);
        Assert.InRange(trials, 1, 50);
    }

    [Fact]
    public void A_single_loss_is_verified_by_another_trial()
    {
        bool lost = false;
        Trial? found = Find(Search, offered =>
        {
            if (offered > 1_000_000)
            {
                return 0.1;
            }
            lost = !lost; // every other trial
            return lost ? 0.001 : 0;
        });
        Assert.InRange(found!.OfferedPerSecond, 980_000, 1_000_000);
        Assert.Equal(0, found.LossShare);
    }

    [Fact]
    public void Loss_within_the_tolerance_counts_as_none()
    {
        Trial? found = Find(Search with { Tolerance = 0.001 }, offered => offered <= 500_000 ? 0.0009 : 0.0011);
        Assert.InRange(found!.OfferedPerSecond, 490_000, 500_000);
    }

    private static Trial? Find(RateSearch search, Func<double, double> lossAt)
    {
        Trial Offer(double rate)
        {
            double offered = Math.Min(rate, Most);
            return new Trial(offered, lossAt(offered));
        }
        return search.Find(Offer(double.PositiveInfinity), Offer);
    }

    private sealed record Trial(double OfferedPerSecond, double LossShare) : IRateTrial;
}
