using Softswitch.Bench.Vhost;

namespace Softswitch.Bench.Tests.Vhost;

public sealed class TestPmdTests
{
    // Of DPDK 22.11.11.
    private const string Said = """
        testpmd> show port stats all

          ######################## NIC statistics for port 0  ########################
          RX-packets: 8200704    RX-missed: 0          RX-bytes:  492042240
          RX-errors: 0
          RX-nombuf:  0
          TX-packets: 8201728    TX-errors: 0          TX-bytes:  492103680

          Throughput (since last show)
          Rx-pps:      4098097          Rx-bps:   1967086592
          Tx-pps:      4098608          Tx-bps:   1967332216
          ############################################################################

          ######################## NIC statistics for port 1  ########################
          RX-packets: 8200768    RX-missed: 0          RX-bytes:  492046080
          RX-errors: 0
          RX-nombuf:  0
          TX-packets: 8201728    TX-errors: 0          TX-bytes:  492103680

          Throughput (since last show)
          Rx-pps:      4098127          Rx-bps:   1967101184
          Tx-pps:      4098607          Tx-bps:   1967331464
          ############################################################################
        testpmd> show fwd stats all

          ---------------------- Forward statistics for port 0  ----------------------
          RX-packets: 8200704        RX-dropped: 0             RX-total: 8200704
          TX-packets: 8201760        TX-dropped: 10278752      TX-total: 18480512
          ----------------------------------------------------------------------------

          +++++++++++++++ Accumulated forward statistics for all ports+++++++++++++++
          RX-packets: 16401504       RX-dropped: 0             RX-total: 16401504
          TX-packets: 16403520       TX-dropped: 20557600      TX-total: 36961120
        """;

    [Fact]
    public void Both_ports_are_counted_together() => Assert.Equal(
        new TestPmd.TestPmdTotals(8_196_224, 8_197_215, 16_401_472, 16_403_456, 20_557_600), TestPmd.TestPmdTotals.TryParse(Said));

    [Theory]
    [InlineData("")]
    [InlineData("TX-dropped: 20557600")]
    [InlineData("Rx-pps:      4098127          Rx-bps:   1967101184")]
    [InlineData("######################## NIC statistics for port 1")]
    public void An_answer_is_awaited_to_its_last_word(string upTo) =>
        Assert.Null(TestPmd.TestPmdTotals.TryParse(Said[..Said.IndexOf(upTo, StringComparison.Ordinal)]));
}
