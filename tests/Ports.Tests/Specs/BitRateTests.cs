using Softswitch.Ports.Specs;

namespace Softswitch.Ports.Tests.Specs;

public sealed class BitRateTests
{
    [Theory]
    [InlineData("1k", 1000, "1k")]
    [InlineData("1K", 1000, "1k")]
    [InlineData("64k", 64_000, "64k")]
    [InlineData("10M", 10_000_000, "10M")]
    [InlineData("1.5G", 1_500_000_000, "1.5G")]
    [InlineData("2500000", 2_500_000, "2.5M")]
    [InlineData("1234567", 1_234_567, "1.234567M")]
    [InlineData("1000G", 1_000_000_000_000, "1000G")]
    public void Rates_are_read_and_written(string text, long rate, string written)
    {
        Assert.True(BitRate.TryParse(text, out long read));
        Assert.Equal(rate, read);
        Assert.Equal(written, BitRate.Format(rate));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("M")]
    [InlineData("0")]
    [InlineData("999")]
    [InlineData("-10M")]
    [InlineData("10m")]
    [InlineData("10 M")]
    [InlineData("1,5M")]
    [InlineData("10Mbit")]
    [InlineData("1.0005k")]
    [InlineData("1001G")]
    [InlineData("99999999999999999999999999999999999999G")]
    public void What_is_no_rate_is_refused(string? text) => Assert.False(BitRate.TryParse(text, out _));
}
