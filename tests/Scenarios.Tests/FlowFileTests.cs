using Softswitch.Lab;
using Softswitch.OfAgent.Text;

namespace Softswitch.Scenarios.Tests;

public sealed class FlowFileTests
{
    private static readonly (string, string) NextHop = ("NEXT-HOP", "02:00:00:00:00:01");

    [Fact]
    public void Victors_table_is_four_routes_one_of_them_to_port_0()
    {
        IReadOnlyList<ParsedFlow> flows = FlowFile.Read("victor/table1.flows", NextHop);
        Assert.Equal([0x0a020301u, 0x0a0a000bu, 0x0a0a0024u, 0x0a040501u], flows.Select(flow => flow.Match.NwDst));
        Assert.Equal([2, 2, 3, 0], flows.Select(flow => (int)flow.Actions[^1].Port));
    }

    [Fact]
    public void A_line_that_is_no_flow_is_named()
    {
        TestbedException error = Assert.Throws<TestbedException>(() => FlowFile.Read("victor/table1.flows")); // NEXT-HOP is no address
        Assert.StartsWith("scenarios/victor/table1.flows, line 4: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        TestbedException error = Assert.Throws<TestbedException>(() => FlowFile.Read("victor/table9.flows"));
        Assert.Contains("victor/table9.flows", error.Message, StringComparison.Ordinal);
    }
}
