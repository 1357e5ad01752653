using Softswitch.Bench.Compare;
using Softswitch.Bench.Flows;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Tests.Compare;

public sealed class CompareRowTests
{
    // A few milliseconds between the reading of two ports, on a busy machine, must not pass for packets that were lost.
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(500);

    public static TheoryData<string> Names => [.. CompareRow.All.Select(row => row.Name)];

    [Fact]
    public void Rows_are_selected_by_name_in_their_own_order()
    {
        Assert.Equal(CompareRow.All, CompareRow.Select(null));
        Assert.Equal(["inport", "churn"], CompareRow.Select("churn, inport").Select(row => row.Name));
    }

    [Theory]
    [InlineData("exact-64,nothing", "--rows: there is no row 'nothing': inport, ")]
    [InlineData(" , ", "--rows: names no row")]
    public void A_row_that_is_not_there_is_refused(string names, string message) =>
        Assert.StartsWith(message, Assert.Throws<OptionException>(() => CompareRow.Select(names)).Message, StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_flow_of_the_traffic_has_an_entry(string name)
    {
        CompareRow row = Assert.Single(CompareRow.Select(name));
        FlowSet flows = row.MakeFlows();
        HashSet<FlowMatch> entries = [.. flows.Entries.Select(entry => entry.Match)];
        Assert.Equal(row.Entries, entries.Count);
        for (int flow = 0; flow < flows.TrafficFlows; flow++)
        {
            Assert.Contains(flows.MatchOf(flow), entries);
        }
    }

    [Theory, Trait("Ring", "all")]
    [InlineData("exact-64")]
    [InlineData("routes")]
    [InlineData("churn")]
    [InlineData("flowmods-busy")]
    [InlineData("flowmods-idle")]
    public void A_row_is_measured_on_our_side_without_the_other(string name)
    {
        CompareRow row = Assert.Single(CompareRow.Select(name));
        FlowSet flows = row.MakeFlows();
        var measurement = new CompareMeasurement(row, TestContext.Current.CancellationToken);
        using var own = new OwnSwitch(row.HasTraffic ? flows.FramesOf(Enumerable.Range(0, flows.TrafficFlows), FlowHeaders.MinFrame) : null, row.Entries + CompareRow.OtherEntries);
        own.Resume();
        measurement.Install(own, flows);
        own.Rest();
        CompareSample sample = measurement.Measure(own, Slice);
        Assert.True(sample.Value > 0);
        Assert.Equal(row.Kind == CompareKind.Churn, sample.Kept != null);
    }
}
