using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Connecting, losing, probing, and who is in charge meanwhile.</summary>
public sealed class ConnectionTests
{
    private readonly TestTime _time = new();

    [Fact]
    public void A_listener_that_is_open_to_all_is_a_warning()
    {
        ConnectionTarget[] listeners = [AgentHarness.Target("ptcp:0:127.0.0.1"), AgentHarness.Target("ptcp:0")];
        using AgentHarness harness = new(new AgentOptions { Listeners = listeners });
        Assert.StartsWith(
            $"ptcp:{harness.Agent.ListenPorts[1]}: listening on all addresses, without authentication: ",
            harness.WaitForLog("listening"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FailMode.Secure, MissBehaviour.Drop)]
    [InlineData(FailMode.Standalone, MissBehaviour.Normal)]
    internal void The_fail_mode_holds_until_a_controller_connected_and_again_when_it_is_gone(FailMode mode, MissBehaviour alone)
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], FailMode = mode });
        using (RawController controller = AgentHarness.Accept(listener))
        {
            Assert.Equal(alone, harness.ReadMissBehaviour());
            controller.Greet();
            controller.Barrier();
            Assert.Equal(MissBehaviour.Controller, harness.ReadMissBehaviour());
        }
        harness.WaitForLog("closed by the peer");

        Assert.Equal(alone, harness.ReadMissBehaviour());
    }

    [Theory]
    [InlineData(FailMode.Secure, MissBehaviour.Drop)]
    [InlineData(FailMode.Standalone, MissBehaviour.Normal)]
    internal void A_controller_that_falls_silent_leaves_the_fail_mode_within_three_probe_intervals_until_it_is_back(FailMode mode, MissBehaviour alone)
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        using AgentHarness harness = new(new AgentOptions
        {
            Controllers = [target],
            FailMode = mode,
            TimeProvider = _time,
            ProbeInterval = TimeSpan.FromSeconds(5),
        });
        using (RawController silent = AgentHarness.Accept(listener).Greet())
        {
            _time.Advance(TimeSpan.FromSeconds(0.7)); // between two looks of the switch
            silent.Barrier();
            harness.WaitUntilIdle();
            _time.Advance(TimeSpan.FromSeconds(13));
            Assert.Equal(MissBehaviour.Controller, harness.ReadMissBehaviour());
            _time.Advance(TimeSpan.FromSeconds(2));
            harness.WaitForLog("no sign of life for 15 s");
            Assert.Equal(alone, harness.ReadMissBehaviour());
        }
        _time.WaitForTimer(TimeSpan.FromMilliseconds(500));
        _time.Advance(TimeSpan.FromMilliseconds(500));
        using RawController back = AgentHarness.Accept(listener).Greet();
        back.Barrier();

        Assert.Equal(MissBehaviour.Controller, harness.ReadMissBehaviour());
    }

    [Theory]
    [InlineData(FailMode.Secure, MissBehaviour.Drop, MissBehaviour.Controller)]
    [InlineData(FailMode.Standalone, MissBehaviour.Normal, MissBehaviour.Normal)]
    internal void While_the_configured_controller_is_away_a_monitor_is_shown_what_would_be_dropped(FailMode mode, MissBehaviour alone, MissBehaviour watched)
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target); // and says nothing
        using AgentHarness harness = new(new AgentOptions
        {
            Controllers = [target],
            Listeners = [AgentHarness.Target("ptcp:0:127.0.0.1")],
            FailMode = mode,
            TimeProvider = _time,
        });
        using (RawController monitor = harness.Connect())
        {
            Assert.Empty(monitor.Barrier());
            Assert.Equal(alone, harness.ReadMissBehaviour());
            monitor.Configure();
            Assert.Equal(watched, harness.ReadMissBehaviour());
            if (mode == FailMode.Secure)
            {
                byte[] frame = TestPacket.Icmp();
                Assert.True(harness.Ports[1].TryInject(frame));
                Assert.Equal(frame, monitor.ReadPacketIn().Data.ToArray());
            }
            monitor.Configure(missSendLength: 0);
            Assert.Equal(alone, harness.ReadMissBehaviour());
            monitor.Configure();
            monitor.Send(b => RoleMessage.WriteRequest(b, 1, ControllerRole.Slave));
            monitor.Read(OfType.Vendor);
            Assert.Equal(alone, harness.ReadMissBehaviour());
            monitor.Send(b => RoleMessage.WriteRequest(b, 1, ControllerRole.Other));
            monitor.Read(OfType.Vendor);
            Assert.Equal(watched, harness.ReadMissBehaviour());
        }
        Eventually.True(() => harness.ReadMissBehaviour() == alone, "it is gone");
    }

    [Fact]
    public void A_lost_connection_is_tried_again_within_a_second_then_after_one_two_four_eight()
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], TimeProvider = _time });
        using (RawController controller = AgentHarness.Accept(listener).Greet())
        {
            controller.Barrier();
        }
        _time.WaitForTimer(TimeSpan.FromMilliseconds(500));
        listener.Dispose();
        _time.Advance(TimeSpan.FromMilliseconds(500));
        foreach (int seconds in new[] { 1, 2, 4, 8, 8 })
        {
            _time.WaitForTimer(TimeSpan.FromSeconds(seconds));
            _time.Advance(TimeSpan.FromSeconds(seconds));
        }

        // Refused, or reset by the listener that is just closing.
        Assert.Matches("(?i)refused|reset", harness.WaitForLog("cannot connect"));
    }

    [Fact]
    public void An_idle_peer_is_asked_for_an_echo_and_closed_after_three_intervals_of_silence()
    {
        using AgentHarness harness = Probing();
        using RawController controller = ConnectAndRest(harness);
        _time.Advance(TimeSpan.FromSeconds(6));
        controller.Read(OfType.EchoRequest);
        controller.Send(b => EchoMessage.WriteReply(b, 0, []));
        controller.Barrier();
        harness.WaitUntilIdle();
        _time.Advance(TimeSpan.FromSeconds(14));
        controller.Read(OfType.EchoRequest);
        controller.Read(OfType.EchoRequest);
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Null(controller.TryRead());
        harness.WaitForLog("no sign of life for 15 s");
    }

    [Fact]
    public void A_busy_peer_is_asked_for_an_echo_too_and_the_answer_tells_its_latency()
    {
        using AgentHarness harness = Probing();
        using RawController controller = harness.Connect();
        for (int second = 0; second < 5; second++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(999));
            controller.Barrier();
            harness.WaitUntilIdle();
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }
        controller.Read(OfType.EchoRequest);
        _time.Advance(TimeSpan.FromMilliseconds(7));
        controller.Send(b => EchoMessage.WriteReply(b, 0, []));
        controller.Barrier();
        using (harness.Control.EnterWithoutTable())
        {
            Assert.Equal(TimeSpan.FromMilliseconds(7), Assert.Single(harness.Agent.ReadControllers()).Latency);
        }
    }

    [Fact]
    public void A_peer_that_waits_for_the_switch_is_not_silent()
    {
        using AgentHarness harness = Probing();
        using RawController controller = ConnectAndRest(harness);
        using (harness.Control.EnterWithoutTable())
        {
            // More than is read at a time: part of it has been read and waits for the control lock, or is about to be, the rest has come and has not.
            controller.Send(b => Enumerable.Range(0, 4).ToList().ForEach(_ => EchoMessage.WriteRequest(b, 1, new byte[50_000])));
            _time.Advance(TimeSpan.FromSeconds(60));
        }
        for (int i = 0; i < 4; i++)
        {
            controller.Read(OfType.EchoReply);
        }
        controller.Barrier();
    }

    [Fact]
    public void A_peer_is_asked_before_it_is_closed_however_long_the_switch_was_stopped()
    {
        using AgentHarness harness = Probing();
        using RawController controller = ConnectAndRest(harness);
        _time.Skip(TimeSpan.FromSeconds(60));
        _time.Advance(TimeSpan.FromSeconds(1));
        controller.Read(OfType.EchoRequest);
        controller.Barrier();
        harness.WaitUntilIdle();
        _time.Skip(TimeSpan.FromSeconds(60));
        _time.Advance(TimeSpan.FromSeconds(1));
        controller.Read(OfType.EchoRequest);
        _time.Advance(TimeSpan.FromSeconds(6));

        Assert.Null(controller.TryRead()); // it was asked
    }

    [Fact]
    public void Beside_a_configured_controller_a_listeners_peer_gets_events_only_after_it_asked()
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], TimeProvider = _time });
        using RawController controller = AgentHarness.Accept(listener).Greet();
        using RawController tool = harness.Connect();
        controller.Barrier();
        tool.Barrier();
        harness.Ports[1].TryInject(TestPacket.Icmp());
        controller.Read(OfType.PacketIn);
        Assert.Empty(tool.Barrier());

        tool.Configure(32);
        harness.Ports[1].TryInject(TestPacket.Icmp());
        Assert.Equal(PacketInMessage.HeaderSize + TestPacket.Icmp().Length, tool.Read(OfType.PacketIn).Length);
    }

    [Fact]
    public void Without_configured_controllers_a_listeners_peer_is_in_charge_once_it_set_a_configuration()
    {
        using AgentHarness harness = new(new AgentOptions { FailMode = FailMode.Standalone, TimeProvider = _time });
        using RawController peer = harness.Connect();
        peer.ReadFeatures([]);
        Assert.Equal(MissBehaviour.Normal, harness.ReadMissBehaviour());
        peer.Configure();

        Assert.Equal(MissBehaviour.Controller, harness.ReadMissBehaviour());
    }

    [Fact]
    public void A_listener_whose_port_is_taken_is_named_with_the_systems_reason()
    {
        using AgentHarness harness = new();
        ConnectionTarget taken = AgentHarness.Target($"ptcp:{harness.Agent.ListenPorts[0]}:127.0.0.1");
        using DatapathControl control = new(new DatapathOptions { FrameCount = 64, MaxExactEntries = 16, MaxWildcardEntries = 16 });
        using SwitchAgent second = new(control, new AgentOptions { Listeners = [taken] });

        Assert.Contains($"{taken}: Address already in use", Assert.Throws<IOException>(second.Start).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_restarted_switch_takes_its_port_at_once()
    {
        int port = OvsTools.FreePort(); // that nobody is given meanwhile
        using (AgentHarness first = new(new AgentOptions { Listeners = [AgentHarness.Target($"ptcp:{port}:127.0.0.1")] }))
        {
            using RawController controller = first.Connect();
            controller.Barrier();
            first.Agent.Dispose(); // the side that closes first is left with the lingering connection
            Assert.Null(controller.TryRead());
        }
        using AgentHarness second = new(new AgentOptions { Listeners = [AgentHarness.Target($"ptcp:{port}:127.0.0.1")] });
        using RawController again = second.Connect();

        Assert.Empty(again.Barrier());
    }

    [Fact]
    public void A_controller_that_does_not_read_loses_packet_ins_and_holds_up_nobody()
    {
        byte[] frame = TestPacket.Icmp(payload: 1400);
        using AgentHarness harness = new();
        using RawController deaf = harness.Connect();
        using RawController prompt = harness.Connect();
        deaf.Socket.ReceiveBufferSize = 4096;
        prompt.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller, 65535));
        long DroppedByDeaf() => harness.Agent.ReadConnections().Max(c => c.DroppedPacketIns);
        int packetIns = 0;
        while (DroppedByDeaf() == 0)
        {
            const int burst = 64;
            packetIns += burst;
            Assert.InRange(packetIns, 0, 100_000);
            for (int i = 0; i < burst; i++)
            {
                Assert.True(harness.Ports[1].TryInject(frame));
            }
            for (int i = 0; i < burst; i++)
            {
                prompt.Read(OfType.PacketIn);
            }
        }

        Assert.Equal(2, harness.Agent.ReadConnections().Count);
        Assert.Equal(0, harness.Agent.ReadConnections().Min(c => c.DroppedPacketIns));
        Assert.Empty(prompt.Barrier());
        deaf.Dispose();
        Assert.Contains("packet-ins were dropped", harness.WaitForLog("dropped"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_peer_that_asks_and_never_reads_holds_up_nobody_and_does_not_grow_memory()
    {
        using AgentHarness harness = new();
        using RawController greedy = harness.Connect();
        greedy.Socket.Blocking = false;
        OfBuffer requests = new();
        for (uint i = 0; i < 5000; i++)
        {
            StatsMessage.WriteRequest(requests, i, OfStatsType.Description);
        }
        // Until the switch stops reading: 60 kB of requests call for 5 MB of replies.
        int sent = 0;
        try
        {
            for (int i = 0; i < 1000; i++)
            {
                sent += greedy.Socket.Send(requests.Written);
            }
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.WouldBlock)
        {
            // back-pressure
        }
        using RawController prompt = harness.Connect();

        Assert.InRange(sent, 1, 59_000_000);
        Assert.Empty(prompt.Barrier());
    }

    [Fact]
    public void Disposing_with_open_connections_ends_them_all()
    {
        AgentHarness harness = new();
        using RawController one = harness.Connect();
        using RawController two = harness.Connect();
        one.Barrier();
        two.Barrier();
        harness.Dispose();

        Assert.Null(one.TryRead());
        Assert.Null(two.TryRead());
    }

    private AgentHarness Probing() => new(new AgentOptions { TimeProvider = _time, ProbeInterval = TimeSpan.FromSeconds(5) });

    private static RawController ConnectAndRest(AgentHarness harness)
    {
        RawController controller = harness.Connect();
        controller.Barrier();
        harness.WaitUntilIdle();
        return controller;
    }
}
