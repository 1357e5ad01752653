using Softswitch.Scenarios.Sweeps;

namespace Softswitch.Scenarios.Tests.Sweeps;

/// <summary>RFC 4180, section 2.</summary>
public sealed class CsvTests
{
    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a,b", "\"a,b\"")]
    [InlineData("say \"a\"", "\"say \"\"a\"\"\"")]
    [InlineData("two\nlines", "\"two\nlines\"")]
    [InlineData("return\r", "\"return\r\"")]
    [InlineData("", "")]
    public void A_cell_is_quoted_where_it_has_to_be(string cell, string written) => Assert.Equal($"x,{written}\n", Csv.Format(["x", cell]));

    [Fact]
    public void What_is_written_is_read_whatever_it_is()
    {
        var random = new Random(1);
        string Cell() => string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => "ab,\"\n\r "[random.Next(7)]));
        string[][] rows = [.. Enumerable.Range(0, 200).Select(_ => (string[])["first", .. Enumerable.Range(0, 4).Select(_ => Cell())])];
        Assert.Equal(rows, Csv.Parse(string.Concat(rows.Select(Csv.Format))));
    }

    [Fact]
    public void Lines_may_end_as_on_other_systems_and_the_last_may_have_no_end() =>
        Assert.Equal([["a", "b"], ["c", ""]], Csv.Parse("a,b\r\nc,"));

    [Fact]
    public void A_quotation_without_an_end_is_refused() => Assert.Throws<FormatException>(() => Csv.Parse("a,\"b\n"));
}
