using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Wire;
using Softswitch.Ports.Null;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Queue statistics and configuration as controllers and ovs-ofctl ask for them (OpenFlow 1.0.0 §5.2.2, §5.3.4, §5.3.5).</summary>
public sealed class QueueTests : AgentTest
{
    private const long Mega = 1_000_000;

    /// <summary>Port 2 has 50 Mbit/s and three queues, port 1 none.</summary>
    public QueueTests()
    {
        using (Harness.Control.Enter())
        {
            Assert.Equal(ControlError.None, Harness.Control.Queues.ConfigureRate(2, 50 * Mega));
            Assert.Equal(ControlError.None, Harness.Control.Queues.Configure(2, new QueueConfig(7, 1000)));
            Assert.Equal(ControlError.None, Harness.Control.Queues.Configure(2, new QueueConfig(1, 10 * Mega)));
            Assert.Equal(ControlError.None, Harness.Control.Queues.Configure(2, new QueueConfig(2, 0, 5 * Mega)));
        }
    }

    [Fact]
    public void Get_config_lists_a_ports_queues_with_their_guarantees_in_tenths_of_a_percent()
    {
        Controller.SendHex("01 14 00 0c 00 00 00 09 00 02 00 00");

        // Queue 1: 10 of 50 Mbit/s are 200 tenths of a percent; queue 2 has a limit only, which version 1.0 cannot tell; queue 7: 1 kbit/s is more than nothing.
        Assert.Equal(
            "01150048000000090002000000000000"
            + "0000000100180000" + "00010010000000000" + "0c8000000000000"
            + "0000000200080000"
            + "0000000700180000" + "00010010000000000" + "001000000000000",
            Convert.ToHexStringLower(Controller.Read(OfType.QueueGetConfigReply)));
        Controller.Send(b => QueueConfigMessage.WriteRequest(b, 2, 1));
        Assert.Equal(QueueConfigMessage.ReplyHeaderSize, Controller.Read(OfType.QueueGetConfigReply).Length);
    }

    [Fact]
    public void A_guarantee_of_a_port_whose_rate_is_unknown_cannot_be_told()
    {
        Assert.Equal((ushort)0xffff, QueueResponder.MinRateOf(new QueueConfig(1, 10 * Mega), portRate: 0));
        Assert.Equal((ushort)1000, QueueResponder.MinRateOf(new QueueConfig(1, 50 * Mega), 50 * Mega));
        Assert.Equal((ushort)1000, QueueResponder.MinRateOf(new QueueConfig(1, 60 * Mega), 50 * Mega));
        Assert.Equal((ushort)333, QueueResponder.MinRateOf(new QueueConfig(1, 10 * Mega), 30 * Mega));
        Assert.Null(QueueResponder.MinRateOf(new QueueConfig(1), 50 * Mega));
    }

    [Fact]
    public void A_flow_to_a_queue_that_is_not_there_is_taken_and_reported_as_one_to_a_port_that_is_not_there()
    {
        FlowAction[] actions = [FlowAction.Enqueue(2, 3), FlowAction.Enqueue(77, 1), FlowAction.Output(77)];
        Controller.Add(FlowMatch.Any, 5, actions);

        Assert.Equal(actions, Assert.Single(Controller.ReadFlows()).Actions);
    }

    [Fact]
    public void Queues_of_local_are_told_where_there_is_such_a_port()
    {
        Controller.Send(b => QueueConfigMessage.WriteRequest(b, 1, PortNumber.Local));
        Assert.Equal("OFPQOFC_BAD_PORT", Controller.ReadError().Name);
        using (Harness.Control.Enter())
        {
            Assert.Equal(ControlError.None, Harness.Control.Ports.Add(PortNumber.Local, new NullPort("local")));
            Assert.Equal(ControlError.None, Harness.Control.Queues.ConfigureRate(PortNumber.Local, 50 * Mega));
            Assert.Equal(ControlError.None, Harness.Control.Queues.Configure(PortNumber.Local, new QueueConfig(3, Mega)));
        }
        Assert.Equal(PortNumber.Local, Controller.ReadPortStatus().Port.Number);
        Controller.Send(b => QueueConfigMessage.WriteRequest(b, 2, PortNumber.Local));
        const int queueAndGuarantee = 24;
        Assert.Equal(QueueConfigMessage.ReplyHeaderSize + queueAndGuarantee, Controller.Read(OfType.QueueGetConfigReply).Length);
        QueueStatistics queue = Assert.Single(ReadStatistics(PortNumber.Local, QueueStatsMessage.AllQueues));
        Assert.Equal((PortNumber.Local, 3u), (queue.PortNumber, queue.QueueId));
    }

    [Theory]
    [InlineData("01 14 00 0c 00 00 00 01 00 03 00 00", "OFPQOFC_BAD_PORT")]
    [InlineData("01 14 00 0c 00 00 00 01 ff fc 00 00", "OFPQOFC_BAD_PORT")]
    [InlineData("01 10 00 14 00 00 00 01 00 05 00 00 00 03 00 00 ff ff ff ff", "OFPQOFC_BAD_PORT")]
    [InlineData("01 10 00 14 00 00 00 01 00 05 00 00 00 03 00 00 00 00 00 01", "OFPQOFC_BAD_PORT")]
    [InlineData("01 10 00 14 00 00 00 01 00 05 00 00 00 02 00 00 00 00 00 03", "OFPQOFC_BAD_QUEUE")]
    [InlineData("01 10 00 14 00 00 00 01 00 05 00 00 00 01 00 00 00 00 00 01", "OFPQOFC_BAD_QUEUE")]
    [InlineData("01 10 00 14 00 00 00 01 00 05 00 00 ff fc 00 00 00 00 00 03", "OFPQOFC_BAD_QUEUE")]
    [InlineData("01 10 00 10 00 00 00 01 00 05 00 00 00 02 00 00", "OFPBRC_BAD_LEN")]
    public void What_is_not_there_gets_its_error(string hex, string error)
    {
        Controller.SendHex(hex);

        Assert.Equal(error, Controller.ReadError().Name);
        Assert.Empty(Controller.Barrier());
    }

    [Theory]
    [InlineData(PortNumber.All, QueueStatsMessage.AllQueues, "2:1 2:2 2:7")]
    [InlineData(PortNumber.None, QueueStatsMessage.AllQueues, "2:1 2:2 2:7")]
    [InlineData(PortNumber.All, 7u, "2:7")]
    [InlineData((ushort)2, QueueStatsMessage.AllQueues, "2:1 2:2 2:7")]
    [InlineData((ushort)2, 2u, "2:2")]
    [InlineData((ushort)1, QueueStatsMessage.AllQueues, "")]
    public void Statistics_are_those_asked_for(ushort port, uint queue, string expected)
    {
        Assert.Equal(expected, string.Join(' ', ReadStatistics(port, queue).Select(q => $"{q.PortNumber}:{q.QueueId}")));
    }

    [Fact]
    public void Statistics_of_many_queues_come_in_parts()
    {
        using (Harness.Control.Enter())
        {
            for (ushort port = 3; port <= 42; port++)
            {
                Harness.Control.Ports.Add(port, new Softswitch.Ports.Memory.MemoryPort($"p{port}", Harness.Control.Frames));
                for (uint queue = 0; queue < QueueConfig.MaxPerPort; queue++)
                {
                    Assert.Equal(ControlError.None, Harness.Control.Queues.Configure(port, new QueueConfig(queue)));
                }
            }
        }

        List<QueueStatistics> queues = [.. ReadStatistics(PortNumber.All, QueueStatsMessage.AllQueues).Where(q => q.PortNumber > 2)];
        Assert.Equal(40 * QueueConfig.MaxPerPort, queues.Count);
        Assert.Equal(queues.Count, queues.Distinct().Count());
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void Ovs_ofctl_adds_enqueue_and_prints_queues_and_their_statistics()
    {
        OvsTools.Require("ovs-ofctl");
        string config = Ofctl("queue-get-config", "2");
        Assert.Contains("queue 1: min_rate:20.0%", config, StringComparison.Ordinal);
        Assert.Contains("queue 2:\n", config, StringComparison.Ordinal);
        Assert.Contains("queue 7: min_rate:0.1%", config, StringComparison.Ordinal);

        Ofctl("add-flow", "in_port=1,actions=enqueue:2:1");
        Assert.Contains("actions=enqueue:2:1", Ofctl("dump-flows"), StringComparison.Ordinal);
        byte[] frame = TestPacket.Udp(payload: 58); // 100 bytes
        Harness.Ports[1].TryInject(frame);
        Harness.Ports[1].TryInject(frame);
        Eventually.True(
            () => Ofctl("queue-stats", "2", "1").Contains("port 2 queue 1: bytes=200, pkts=2, errors=0", StringComparison.Ordinal),
            "two packets are counted");
        Assert.Contains("3 queues", Ofctl("queue-stats"), StringComparison.Ordinal);
        Assert.Contains("QUEUE_STATS", Ofctl("show"), StringComparison.Ordinal);
    }

    private List<QueueStatistics> ReadStatistics(ushort port, uint queue)
    {
        List<QueueStatistics> queues = [];
        foreach (byte[] part in Controller.ReadStatistics(OfStatsType.Queue, (b, xid) => QueueStatsMessage.WriteRequest(b, xid, port, queue)))
        {
            ReadOnlySpan<byte> rest = part;
            while (QueueStatsMessage.TryReadEntry(ref rest, out QueueStatistics statistics))
            {
                queues.Add(statistics);
            }
            Assert.Equal(0, rest.Length);
        }
        return queues;
    }

    private string Ofctl(string command, params string[] arguments) =>
        OvsTools.Ofctl([command, $"tcp:127.0.0.1:{Harness.Agent.ListenPorts[0]}", .. arguments]);
}
