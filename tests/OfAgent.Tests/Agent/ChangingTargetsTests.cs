using System.Net.Sockets;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Controllers and listeners that come and go while the agent runs.</summary>
public sealed class ChangingTargetsTests
{
    [Fact]
    public void A_controller_that_is_added_is_connected_to_and_put_in_charge()
    {
        using AgentHarness harness = new();
        (Socket listener, ConnectionTarget target) = AgentHarness.ListenAsController();
        harness.Agent.AddController(target);
        using RawController controller = new RawController(AgentHarness.Accept(listener)).Greet();
        controller.Barrier();

        Assert.Equal(MissBehaviour.Controller, harness.ReadMissBehaviour());
        harness.Ports[1].TryInject(TestPacket.Icmp());
        controller.Read(OfType.PacketIn);
        listener.Dispose();
    }

    [Fact]
    public void A_controller_that_is_removed_has_no_say_and_hears_nothing_while_the_other_notices_nothing()
    {
        (Socket staying, ConnectionTarget stays) = AgentHarness.ListenAsController();
        (Socket going, ConnectionTarget goes) = AgentHarness.ListenAsController();
        using AgentHarness harness = new(new AgentOptions { Controllers = [stays, goes], TimeProvider = new TestTime() });
        using RawController other = new RawController(AgentHarness.Accept(staying)).Greet();
        using RawController removed = new RawController(AgentHarness.Accept(going)).Greet();
        other.Barrier();
        removed.Barrier();
        harness.Agent.RemoveController(goes);
        Assert.Equal([$"{stays}"], harness.Agent.ReadConnections().Select(connection => connection.Name));
        harness.Ports[1].TryInject(TestPacket.Icmp());

        Assert.Equal(OfType.PacketIn, RawController.TypeOf(Assert.Single(ReadUntilPacketIn(other))));
        Assert.Null(removed.TryRead());
        Assert.Empty(other.Barrier());
        Assert.False(going.Poll(TimeSpan.Zero, SelectMode.SelectRead)); // nobody tries again
        staying.Dispose();
        going.Dispose();
    }

    [Fact]
    public void Removing_the_last_controller_leaves_the_fail_mode_and_is_no_emergency()
    {
        (Socket listener, ConnectionTarget target) = AgentHarness.ListenAsController();
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], FailMode = FailMode.Standalone, EmergencyAttempts = 0 });
        using RawController controller = new RawController(AgentHarness.Accept(listener)).Greet();
        controller.Send(b => FlowTableTests.WriteAdd(b, 3, FlowMatch.Any, 1));
        controller.Send(b => FlowModMessage.Write(b, 4, new FlowMod { Match = FlowMatch.Any, Flags = FlowModFlags.Emergency }));
        Assert.Empty(controller.Barrier());
        harness.Agent.RemoveController(target);

        Assert.Null(controller.TryRead());
        Assert.Equal(MissBehaviour.Normal, harness.ReadMissBehaviour());
        using (harness.Control.EnterWithoutTable())
        {
            Assert.False(harness.Control.InEmergency);
        }
        listener.Dispose();
    }

    [Fact]
    public void A_controller_that_is_removed_before_it_answered_is_not_waited_for()
    {
        (Socket listener, ConnectionTarget target) = AgentHarness.ListenAsController();
        using AgentHarness harness = new(new AgentOptions { Controllers = [target] });
        using RawController silent = new(AgentHarness.Accept(listener));
        silent.Read(OfType.Hello);
        harness.Agent.RemoveController(target);

        Assert.Null(silent.TryRead());
        Assert.Empty(harness.Agent.ReadConnections());
        Assert.False(listener.Poll(TimeSpan.Zero, SelectMode.SelectRead));
        listener.Dispose();
    }

    [Fact]
    public void Peers_of_a_listener_are_management_once_a_controller_is_configured()
    {
        (Socket listener, ConnectionTarget target) = AgentHarness.ListenAsController();
        using AgentHarness harness = new();
        using RawController tool = harness.Connect();
        tool.Barrier();
        harness.Agent.AddController(target);
        using RawController controller = new RawController(AgentHarness.Accept(listener)).Greet();
        controller.Barrier();
        harness.Ports[1].TryInject(TestPacket.Icmp());

        controller.Read(OfType.PacketIn);
        Assert.Empty(tool.Barrier());
        listener.Dispose();
    }

    [Fact]
    public void A_listener_that_is_removed_takes_its_connections_with_it_and_frees_its_port()
    {
        using AgentHarness harness = new();
        harness.Agent.AddListener(AgentHarness.Target("ptcp:0:127.0.0.1"));
        int port = harness.Agent.ListenPorts[1];
        using RawController staying = harness.Connect();
        using RawController going = new RawController(port).Greet();
        staying.Barrier();
        going.Barrier();
        harness.Agent.AddListener(AgentHarness.Target("ptcp:0:127.0.0.1"));
        ConnectionTarget again = AgentHarness.Target($"ptcp:{port}:127.0.0.1");
        Assert.Throws<IOException>(() => harness.Agent.AddListener(again));
        Assert.Equal(3, harness.Agent.ListenPorts.Count);
        harness.Agent.RemoveListener(AgentHarness.Target("ptcp:0:127.0.0.1")); // the first of three: the harness's own

        Assert.Null(staying.TryRead());
        going.Barrier();
        Assert.Equal(port, harness.Agent.ListenPorts[0]);
        harness.Agent.RemoveListener(AgentHarness.Target("ptcp:0:127.0.0.1"));
        Assert.Null(going.TryRead());
        harness.Agent.AddListener(again);
        using RawController back = new RawController(port).Greet();
        back.Barrier();
    }

    [Fact]
    public void Another_fail_mode_holds_at_once()
    {
        using AgentHarness harness = new();
        harness.Agent.Change(FailMode.Standalone, emergencyAttempts: 1);
        Assert.Equal(MissBehaviour.Normal, harness.ReadMissBehaviour());
        harness.Agent.Change(FailMode.Secure, emergencyAttempts: 1);
        Assert.Equal(MissBehaviour.Drop, harness.ReadMissBehaviour());
    }

    [Fact]
    public void Controllers_come_and_go_while_packets_and_commands_do()
    {
        using AgentHarness harness = new();
        using RawController tool = harness.Connect();
        using CancellationTokenSource stop = new();
        Thread traffic = new(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                harness.Ports[1].TryInject(TestPacket.Icmp());
                harness.Ports[2].Collect();
            }
        });
        traffic.IsBackground = true;
        traffic.Start();
        for (int round = 0; round < 50; round++)
        {
            (Socket listener, ConnectionTarget target) = AgentHarness.ListenAsController();
            harness.Agent.AddController(target);
            using (RawController controller = new(AgentHarness.Accept(listener)))
            {
                if (round % 2 == 0)
                {
                    controller.Greet();
                    controller.Barrier();
                }
                harness.Agent.RemoveController(target);
                Assert.True(IsClosed(controller));
            }
            tool.Barrier();
            listener.Dispose();
        }
        stop.Cancel();
        traffic.Join();
        Assert.Single(harness.Agent.ReadConnections());
    }

    /// <summary>Whether the switch closes, be it over what it was sent and had not read yet.</summary>
    private static bool IsClosed(RawController controller)
    {
        try
        {
            while (controller.TryRead() != null)
            {
                // what was sent before
            }
            return true;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode == SocketError.ConnectionReset;
        }
    }

    private static List<byte[]> ReadUntilPacketIn(RawController controller)
    {
        List<byte[]> read = [];
        do
        {
            read.Add(controller.Read());
        }
        while (RawController.TypeOf(read[^1]) != OfType.PacketIn);
        return read;
    }
}
