using Softswitch.Lab;
using Softswitch.Scenarios.Commands;
using Softswitch.Scenarios.Sweeps;

namespace Softswitch.Scenarios.Tests.Sweeps;

/// <summary>What the papers say, as data files.</summary>
public sealed class PaperPointTests
{
    private const string Header = "source,page,measure,key,series,x,y,note\n";

    [Fact]
    public void A_point_is_read_with_where_it_is_to_be_found()
    {
        PaperPoint point = Assert.Single(PaperPoint.Parse("a.csv", Header + "Fig. 9,5,lost_packets,rate,paper: native Xen,1000,12.5,\"read off, roughly\"\n"));
        Assert.Equal(new PaperPoint("Fig. 9", "5", "lost_packets", "rate", "paper: native Xen", "1000", 12.5, "read off, roughly"), point);
        Assert.Equal("paper: native Xen (Fig. 9, p. 5)", point.Legend);
        Assert.Equal("paper: native Xen (Fig. 9)", (point with { Page = "" }).Legend);
    }

    [Theory]
    [InlineData("source,page\n")]
    [InlineData("")]
    [InlineData(Header + "Fig. 9,5,lost_packets,rate,paper,1000,many,\n")]
    [InlineData(Header + "Fig. 9,5,lost_packets\n")]
    [InlineData(Header + "Fig. 9,5,lost_packets,rate,\"paper,1000,1,\n")]
    public void What_is_no_such_file_is_refused_with_its_name(string text) =>
        Assert.StartsWith("a.csv: ", Assert.Throws<TestbedException>(() => PaperPoint.Parse("a.csv", text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Every_point_of_every_paper_is_of_a_measure_and_a_parameter_that_its_scenario_has()
    {
        foreach (Scenario scenario in ScenarioRunner.All)
        {
            Assert.Equal(scenario.Name is "twaren" or "victor" or "xenflow", PaperPoint.Of(scenario).Count > 0);
            Assert.All(PaperPoint.Of(scenario), point =>
            {
                Assert.Contains(scenario.Measures, measure => measure.Name == point.Measure);
                Parameter key = ParameterValues.Find(scenario, point.Key);
                Assert.True(key.IsNumber == SweepTable.TryRead(point.X, out _), $"{scenario.Name}: {point.X} is no value of {key.Key}");
                Assert.True(double.IsFinite(point.Y));
                Assert.NotEmpty(point.Source);
                Assert.NotEmpty(point.Series);
            });
        }
    }

    /// <summary>Else it would never be seen.</summary>
    [Fact]
    public void Every_point_of_every_paper_has_a_place_on_a_chart_of_one_of_its_figures()
    {
        foreach (Scenario scenario in ScenarioRunner.All)
        {
            var places = scenario.PaperFigures.SelectMany(figure =>
            {
                var plan = SweepPlan.Create(scenario, new ScenarioOptions(), new SweepRequest([], [], figure.Name));
                return figure.Measures.Select(measure => (measure.Name, (plan.Swept.FirstOrDefault(key => key.IsNumber) ?? plan.Swept[0]).Key));
            }).ToHashSet();
            Assert.All(PaperPoint.Of(scenario), point => Assert.Contains((point.Measure, point.Key), places));
        }
    }

    [Fact]
    public void No_two_columns_of_a_scenarios_table_have_one_name()
    {
        foreach (Scenario scenario in ScenarioRunner.All)
        {
            var point = new SweepPoint(1, ParameterValues.Parse(scenario, new ScenarioOptions(), []), []);
            var plan = SweepPlan.Create(scenario, new ScenarioOptions(), new SweepRequest([], []));
            // Cells of one name would be one.
            int columns = SweepRun.Create(plan, point, SweepTrial.Origin, 1, 1, SweepTrial.Outcome()).Row.Count;
            int own = SweepRun.Create(SweepTrial.Plan(), SweepTrial.Plan().Points[0], SweepTrial.Origin, 1, 1, SweepTrial.Outcome()).Row.Count - 4;
            Assert.Equal((scenario.Name, own + scenario.Parameters.Count + scenario.Measures.Count), (scenario.Name, columns));
        }
    }
}
