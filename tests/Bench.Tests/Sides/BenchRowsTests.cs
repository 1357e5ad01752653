using System.Text.Json.Nodes;
using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Tests.Sides;

/// <summary>Rows of benchmarks that measure sides in turns.</summary>
public sealed class BenchRowsTests
{
    private static readonly Interference None = new(LoadAverage: 0, StolenShare: 0);

    [Fact]
    public void A_row_has_figures_for_programs_and_for_people()
    {
        var result = new BenchResult("test");
        var rows = new BenchRows<double>(
            new("row", _ => "one"),
            new(null, _ => "The first", "row"),
            new("share", value => Math.Round(value, 3), "share %", "0.0", Scale: 100),
            new("count", _ => 7L, "count"),
            new("none", _ => null, "none"));
        rows.Add(result, "one", 0.12345, None);
        rows.AddTo(result, "rows");

        JsonObject row = JsonNode.Parse(result.ToJson())!["rows"]![0]!.AsObject();
        Assert.Equal(["row", "share", "count", "none", "disturbed"], row.Select(part => part.Key));
        Assert.Equal(0.123, row["share"]!.GetValue<double>());
        Assert.Null(row["none"]);
        Assert.Contains("| The first |    12.3 |     7 |    – |", result.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_disturbed_row_has_a_sign_behind_its_name_and_a_note()
    {
        var result = new BenchResult("test");
        var rows = new BenchRows<int>(new BenchColumn<int>("row", _ => "one", "row"));
        rows.Add(result, "one", 0, None with { StolenShare = 0.5 });
        rows.AddTo(result, "rows");
        Assert.Contains($"| one {Interference.Sign} |", result.ToText(), StringComparison.Ordinal);
        Assert.Contains($"{Interference.Sign} one: disturbed: ", result.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void Sides_are_compared_round_by_round()
    {
        using var ours = new Side(8, 1, 30, 5);
        using var theirs = new Side(2, 1, 10, 0); // the last round has nothing to compare with
        Assert.Equal(3, ours.RatioTo(theirs, round => round.Value));
        using var idle = new Side(0);
        Assert.Null(ours.RatioTo(idle, round => round.Value));
        Assert.Equal("[8,1,30,5]", ours.Each(round => round.Value, 0).ToJsonString());
    }

    private sealed record Round(double Value) : IBenchRound
    {
        public Interference Interference => None;
    }

    private sealed class Side : BenchSide<Round>
    {
        public Side(params double[] values)
            : base("side") => Rounds.AddRange(values.Select(value => new Round(value)));

        public override void Dispose()
        {
        }
    }
}
