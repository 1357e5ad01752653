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
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        harness.Agent.AddController(target);
        using RawController controller = AgentHarness.Accept(listener).Greet();
        controller.Barrier();

        Assert.Equal(MissBehaviour.Controller, harness.ReadMissBehaviour());
        harness.Ports[1].TryInject(TestPacket.Icmp());
        controller.Read(OfType.PacketIn);
    }

    [Fact]
    public void A_controller_that_is_removed_has_no_say_and_hears_nothing_while_the_other_notices_nothing()
    {
        using Socket staying = AgentHarness.ListenAsController(out ConnectionTarget stays);
        using Socket going = AgentHarness.ListenAsController(out ConnectionTarget goes);
        TestTime time = new();
        using AgentHarness harness = new(new AgentOptions { Controllers = [stays, goes], TimeProvider = time });
        using RawController other = AgentHarness.Accept(staying).Greet();
        using RawController removed = AgentHarness.Accept(going).Greet();
        other.Barrier();
        removed.Barrier();
        harness.Agent.RemoveController(goes);
        Assert.Equal([$"{stays}"], harness.Agent.ReadConnections().Select(connection => connection.Name));
        harness.Ports[1].TryInject(TestPacket.Icmp());

        other.Read(OfType.PacketIn);
        Assert.Null(removed.TryRead());
        Assert.Empty(other.Barrier());
        AssertNobodyTriesAgain(harness, time, going);
    }

    [Fact]
    public void Removing_the_last_controller_leaves_the_fail_mode_and_is_no_emergency()
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], FailMode = FailMode.Standalone, EmergencyAttempts = 0, TimeProvider = new TestTime() });
        using RawController controller = AgentHarness.Accept(listener).Greet();
        controller.Add(FlowMatch.Any, 1);
        controller.Apply(new FlowMod { Match = FlowMatch.Any, Flags = FlowModFlags.Emergency });
        harness.Agent.RemoveController(target);

        Assert.Null(controller.TryRead());
        Assert.Equal(MissBehaviour.Normal, harness.ReadMissBehaviour());
        using (harness.Control.EnterWithoutTable())
        {
            Assert.False(harness.Control.Flows.Emergency.InForce);
        }
    }

    [Fact]
    public void A_controller_that_is_removed_before_it_answered_is_not_waited_for()
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        TestTime time = new();
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], TimeProvider = time });
        using RawController silent = AgentHarness.Accept(listener);
        silent.Read(OfType.Hello);
        harness.Agent.RemoveController(target);

        Assert.Null(silent.TryRead());
        Assert.Empty(harness.Agent.ReadConnections());
        AssertNobodyTriesAgain(harness, time, listener);
    }

    [Fact]
    public void Peers_of_a_listener_are_management_once_a_controller_is_configured()
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        using AgentHarness harness = new();
        using RawController tool = harness.Connect();
        tool.Barrier();
        harness.Agent.AddController(target);
        using RawController controller = AgentHarness.Accept(listener).Greet();
        controller.Barrier();
        harness.Ports[1].TryInject(TestPacket.Icmp());

        controller.Read(OfType.PacketIn);
        Assert.Empty(tool.Barrier());
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
            using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
            harness.Agent.AddController(target);
            using (RawController controller = AgentHarness.Accept(listener))
            {
                if (round % 2 == 0)
                {
                    controller.Greet();
                    controller.Barrier();
                }
                harness.Agent.RemoveController(target);
                while (controller.TryRead(mayReset: true) is not null)
                {
                    // what was sent before
                }
            }
            tool.Barrier();
        }
        stop.Cancel();
        traffic.Join();
        Assert.Single(harness.Agent.ReadConnections());
    }

    private static void AssertNobodyTriesAgain(AgentHarness harness, TestTime time, Socket listener)
    {
        for (int second = 0; second < 3; second++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            harness.WaitUntilIdle();
        }
        Assert.False(listener.Poll(TimeSpan.Zero, SelectMode.SelectRead));
    }
}
