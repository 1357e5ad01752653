using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Queue statistics and configuration as controllers and ovs-ofctl ask for them (OpenFlow 1.0.0 §5.2.2, §5.3.4, §5.3.5).</summary>
public sealed class QueueTests
{
    private const long Mega = 1_000_000;

    [Fact]
    public void Features_announce_queue_statistics_and_enqueue()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => FeaturesMessage.WriteRequest(b, 3));

        Assert.True(FeaturesMessage.TryDecodeReply(controller.Read(OfType.FeaturesReply), [], out SwitchFeatures features, out _));
        Assert.True(features.Capabilities.HasFlag(OfCapabilities.QueueStats));
        Assert.NotEqual(0u, features.Actions & (1u << (int)ActionKind.Enqueue));
    }

    [Fact]
    public void Get_config_lists_a_ports_queues_with_their_guarantees_in_tenths_of_a_percent()
    {
        using AgentHarness harness = WithQueues();
        using RawController controller = harness.Connect();
        controller.SendHex("01 14 00 0c 00 00 00 09 00 02 00 00");

        // Queue 1: 10 of 50 Mbit/s are 200 tenths of a percent; queue 2 has a limit only, which version 1.0 cannot tell; queue 7: 1 kbit/s is more than nothing.
        Assert.Equal(
            "01150048000000090002000000000000"
            + "0000000100180000" + "00010010000000000" + "0c8000000000000"
            + "0000000200080000"
            + "0000000700180000" + "00010010000000000" + "001000000000000",
            Convert.ToHexStringLower(controller.Read(OfType.QueueGetConfigReply)));
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
        using AgentHarness harness = WithQueues();
        using RawController controller = harness.Connect();
        controller.Send(b => FlowTableTests.WriteAdd(b, 1, FlowMatch.Any, 5, actions));
        controller.Send(b => FlowStatsMessage.WriteRequest(b, 2, new FlowFilter(FlowMatch.Any)));
        StatsMessage.TryDecode(controller.Read(OfType.StatsReply), out _, out _, out ReadOnlySpan<byte> body, out _);
        Assert.True(FlowStatsMessage.TryReadEntry(ref body, new FlowAction[3], out FlowStatistics flow));
        Assert.Equal(actions, flow.Actions.ToArray());
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
    [InlineData("01 0e 00 58 00 00 00 01 00 3f ff ff" // a flow-mod that matches all
        + "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
        + "00 00 00 00 00 00 00 00 00 00 00 00 00 00 80 00 ff ff ff ff ff ff 00 00"
        + "00 0b 00 10 00 02 00 00 00 00 00 00 ff ff ff ff", "OFPBAC_BAD_QUEUE")]
    [InlineData("01 0e 00 58 00 00 00 01 00 3f ff ff"
        + "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
        + "00 00 00 00 00 00 00 00 00 00 00 00 00 00 80 00 ff ff ff ff ff ff 00 00"
        + "00 0b 00 10 ff fb 00 00 00 00 00 00 00 00 00 01", "OFPBAC_BAD_OUT_PORT")]
    public void What_is_not_there_gets_its_error(string hex, string error)
    {
        using AgentHarness harness = WithQueues();
        using RawController controller = harness.Connect();
        controller.SendHex(hex);

        Assert.Equal(error, controller.ReadError().Name);
        Assert.Empty(controller.Barrier());
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
        using AgentHarness harness = WithQueues();
        using RawController controller = harness.Connect();
        controller.Send(b => QueueStatsMessage.WriteRequest(b, 5, port, queue));

        Assert.Equal(expected, string.Join(' ', ReadStatistics(controller).Select(q => $"{q.PortNumber}:{q.QueueId}")));
    }

    [Fact]
    public void Statistics_of_many_queues_come_in_parts()
    {
        using AgentHarness harness = new();
        using (harness.Control.Enter())
        {
            for (ushort port = 3; port <= 42; port++)
            {
                harness.Control.AddPort(port, new Softswitch.Ports.Memory.MemoryPort($"p{port}", harness.Control.Frames));
                for (uint queue = 0; queue < QueueConfig.MaxPerPort; queue++)
                {
                    Assert.Equal(ControlError.None, harness.Control.ConfigureQueue(port, new QueueConfig(queue)));
                }
            }
        }
        using RawController controller = harness.Connect();
        controller.Send(b => QueueStatsMessage.WriteRequest(b, 5, PortNumber.All, QueueStatsMessage.AllQueues));

        List<QueueStatistics> queues = ReadStatistics(controller);
        Assert.Equal(40 * QueueConfig.MaxPerPort, queues.Count);
        Assert.Equal(queues.Count, queues.Distinct().Count());
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void Ovs_ofctl_adds_enqueue_and_prints_queues_and_their_statistics()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/ovs-ofctl"), "ovs-ofctl is not installed (apt-get install openvswitch-common)");
        using AgentHarness harness = WithQueues();
        string config = Ofctl(harness, "queue-get-config", "2");
        Assert.Contains("queue 1: min_rate:20.0%", config, StringComparison.Ordinal);
        Assert.Contains("queue 2:\n", config, StringComparison.Ordinal);
        Assert.Contains("queue 7: min_rate:0.1%", config, StringComparison.Ordinal);

        Ofctl(harness, "add-flow", "in_port=1,actions=enqueue:2:1");
        Assert.Contains("actions=enqueue:2:1", Ofctl(harness, "dump-flows"), StringComparison.Ordinal);
        byte[] frame = TestPacket.Udp(payload: 58); // 100 bytes
        harness.Ports[1].TryInject(frame);
        harness.Ports[1].TryInject(frame);
        Eventually.True(
            () => Ofctl(harness, "queue-stats", "2", "1").Contains("port 2 queue 1: bytes=200, pkts=2, errors=0", StringComparison.Ordinal),
            "two packets are counted");
        Assert.Contains("3 queues", Ofctl(harness, "queue-stats"), StringComparison.Ordinal);
        Assert.Contains("QUEUE_STATS", Ofctl(harness, "show"), StringComparison.Ordinal);
    }

    [Fact]
    public void Our_own_text_is_that_of_ovs_ofctl()
    {
        using AgentHarness harness = WithQueues();
        using RawController controller = harness.Connect();
        controller.Send(b => QueueConfigMessage.WriteRequest(b, 5, 2));
        Assert.Equal(
            "OFPT_QUEUE_GET_CONFIG_REPLY (xid=0x5): port=2\nqueue 1: min_rate:20.0%\nqueue 2:\nqueue 7: min_rate:0.1%\n",
            MessageText.Format(controller.Read(OfType.QueueGetConfigReply)));
        controller.Send(b => QueueStatsMessage.WriteRequest(b, 6, 2, 1));
        Assert.Equal(
            "OFPST_QUEUE reply (xid=0x6): 1 queues\n  port 2 queue 1: bytes=0, pkts=0, errors=0, duration=?\n",
            MessageText.Format(controller.Read(OfType.StatsReply)));
    }

    /// <summary>Port 2 has 50 Mbit/s and three queues, port 1 none.</summary>
    private static AgentHarness WithQueues()
    {
        AgentHarness harness = new();
        using (harness.Control.Enter())
        {
            Assert.Equal(ControlError.None, harness.Control.ConfigurePortRate(2, 50 * Mega));
            Assert.Equal(ControlError.None, harness.Control.ConfigureQueue(2, new QueueConfig(7, 1000)));
            Assert.Equal(ControlError.None, harness.Control.ConfigureQueue(2, new QueueConfig(1, 10 * Mega)));
            Assert.Equal(ControlError.None, harness.Control.ConfigureQueue(2, new QueueConfig(2, 0, 5 * Mega)));
        }
        return harness;
    }

    private static List<QueueStatistics> ReadStatistics(RawController controller)
    {
        List<QueueStatistics> queues = [];
        ushort flags;
        do
        {
            byte[] reply = controller.Read(OfType.StatsReply);
            Assert.True(StatsMessage.TryDecode(reply, out OfStatsType type, out flags, out ReadOnlySpan<byte> body, out _));
            Assert.Equal(OfStatsType.Queue, type);
            while (QueueStatsMessage.TryReadEntry(ref body, out QueueStatistics queue))
            {
                queues.Add(queue);
            }
            Assert.Equal(0, body.Length);
        }
        while ((flags & StatsMessage.ReplyMore) != 0);
        return queues;
    }

    private static string Ofctl(AgentHarness harness, string command, params string[] arguments)
    {
        using RunningCommand running = RunningCommand.Start(
            "ovs-ofctl", ["-O", "OpenFlow10", "--timeout=50", command, $"tcp:127.0.0.1:{harness.Agent.ListenPorts[0]}", .. arguments]);
        return running.WaitForEnd(OvsTools.Patience).Checked().Output;
    }
}
