using Softswitch.Bench.Vhost;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Bench.Tests.Vhost;

public sealed class VhostCaseTests
{
    [Fact]
    public void Rows_are_selected_by_name_in_their_own_order()
    {
        Assert.Equal(VhostCase.All, VhostCase.Select(null));
        Assert.Equal(["inport", "exact-1000"], VhostCase.Select("exact-1000, inport").Select(row => row.Name));
    }

    [Theory]
    [InlineData("inport,nothing", "--rows: there is no row 'nothing': inport, ")]
    [InlineData(" , ", "--rows: names no row")]
    public void A_row_that_is_not_there_is_refused(string names, string message) =>
        Assert.StartsWith(message, Assert.Throws<OptionException>(() => VhostCase.Select(names)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("inport", 2)]
    [InlineData("exact-1000", 1000)]
    public void Each_port_has_entries_that_lead_to_the_other(string name, int entries)
    {
        VhostCase row = Assert.Single(VhostCase.Select(name));
        (FlowMatch Match, ushort Output)[] table = [.. row.EntriesBetween(1, 2)];
        Assert.Equal(entries, table.Length);
        Assert.Equal(entries, table.Select(entry => entry.Match).Distinct().Count());
        Assert.All(table, entry => Assert.Equal(3, entry.Match.InPort + entry.Output));
        Assert.All(table, entry => Assert.Equal(row.IsExact, entry.Match.Wildcards == 0));
    }
}
