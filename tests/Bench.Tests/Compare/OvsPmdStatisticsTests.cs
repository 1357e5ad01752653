using Softswitch.Bench.Compare;

namespace Softswitch.Bench.Tests.Compare;

public sealed class OvsPmdStatisticsTests
{
    // Of Open vSwitch 3.1.0, with a second thread that forwards.
    private const string Said = """
        pmd thread numa_id 0 core_id 1:
          packets received: 6935904
          packet recirculations: 0
          avg. datapath passes per packet: 1.00
          phwol hits: 0
          mfex opt hits: 0
          simple match hits: 4
          emc hits: 1749197
          smc hits: 3
          megaflow hits: 5186690
          avg. subtable lookups per megaflow hit: 1.00
          miss with success upcall: 8
          miss with failed upcall: 2
          avg. packets per output batch: 32.00
          idle cycles: 1024 (0.00%)
          processing cycles: 5205350098 (100.00%)
        pmd thread numa_id 0 core_id 3:
          packets received: 96
          emc hits: 96
        main thread:
          packets received: 7
          emc hits: 7

        """;

    [Fact]
    public void Counts_are_summed_over_the_threads_that_forward() =>
        Assert.Equal(new OvsPmdStatistics(6_936_000, 4, 1_749_293, 3, 5_186_690, 10, 5_205_350_098, 1_024), OvsPmdStatistics.Parse(Said));

    [Theory]
    [InlineData("")]
    [InlineData("pmd thread numa_id 0 core_id 1:\n  emc hits: many\n  : 5\n  packets received 8\n")]
    public void What_cannot_be_read_counts_nothing(string said) => Assert.Equal(default, OvsPmdStatistics.Parse(said));

    [Fact]
    public void Where_packets_were_found_is_said_in_percent()
    {
        Assert.Equal("EMC 25.0 %, megaflow 74.0 %, upcall 1.0 %", new OvsPmdStatistics(100, 0, 25, 0, 74, 1, 0, 0).Describe());
        Assert.Equal("no packets", default(OvsPmdStatistics).Describe());
    }

    [Fact]
    public void The_difference_of_two_readings_is_what_came_between() =>
        Assert.Equal(new OvsPmdStatistics(9, 1, 4, 0, 4, 0, 7, 2), new OvsPmdStatistics(19, 1, 9, 0, 9, 0, 8, 5) - new OvsPmdStatistics(10, 0, 5, 0, 5, 0, 1, 3));
}
