using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Hosting.Tests.Configuration;

public sealed class QueueOptionsReaderTests
{
    [Fact]
    public void Queues_are_read_with_their_rates()
    {
        SwitchOptions options = Read("2:1,min-rate=10M", "2:0,max-rate=1.5G,min-rate=64k", "local:4294967294", "1:7,max-rate=5M");
        Assert.Equal(
            [
                (2, new QueueConfig(1, 10_000_000)),
                (2, new QueueConfig(0, 64_000, 1_500_000_000)),
                (PortNumber.Local, new QueueConfig(4294967294)),
                (1, new QueueConfig(7, 0, 5_000_000)),
            ],
            options.Queues.Select(queue => ((int)queue.Port, queue.Config)));
        Assert.Equal(50_000_000, options.Ports[1].Spec.Rate);
    }

    [Theory]
    [InlineData("2", "is not PORT:ID,min-rate=RATE[,max-rate=RATE]")]
    [InlineData("eth0:1,min-rate=1M", "'eth0' is neither a port number (1 to 65280) nor local")]
    [InlineData("0:1", "'0' is neither a port number (1 to 65280) nor local")]
    [InlineData("65534:1", "'65534' is neither a port number (1 to 65280) nor local")]
    [InlineData("2:,min-rate=1M", "'' is not a queue number (0 to 4294967294)")]
    [InlineData("2:4294967295", "'4294967295' is not a queue number (0 to 4294967294)")]
    [InlineData("3:1,min-rate=1M", "there is no port 3")]
    [InlineData("2:1,min-rate=fast", "min-rate: 'fast' is not a rate in bit/s such as 10M (k, M or G; at least 1k)")]
    [InlineData("2:1,min-rate", "min-rate: '' is not a rate in bit/s such as 10M (k, M or G; at least 1k)")]
    [InlineData("2:1,rate=1M", "unknown option 'rate'; known are min-rate, max-rate")]
    [InlineData("2:1,min-rate=1M,min-rate=2M", "min-rate is given twice")]
    [InlineData("2:1,min-rate=2M,max-rate=1M", "min-rate is above max-rate")]
    [InlineData("1:7,min-rate=2M", "port 1 has a queue 7 already")]
    public void What_is_wrong_is_named_with_port_and_reason(string value, string reason) =>
        Assert.Equal($"--queue: '{value}': {reason}", Assert.Throws<OptionException>(() => Read("1:7", value)).Message);

    [Fact]
    public void A_port_has_64_queues_at_most()
    {
        string[] queues = [.. Enumerable.Range(0, QueueConfig.MaxPerPort + 1).Select(id => $"2:{id}")];
        Assert.Equal("--queue: '2:64': port 2 has 64 queues already", Assert.Throws<OptionException>(() => Read(queues)).Message);
    }

    private static SwitchOptions Read(params string[] queues) => SwitchOptionsReader.Read(
        [
            .. queues.Select(queue => new Setting("queue", queue, "--queue")),
            .. ((string[])["1=eth0", "2=eth1,rate=50M", "local=tap:sw"]).Select(port => new Setting("port", port, "--port")),
        ]);
}
