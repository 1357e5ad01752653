using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Emergency mode (OpenFlow 1.0.0 §4.3) with sockets that really close and a clock that only the test moves.</summary>
public sealed class EmergencyTests
{
    private static readonly TimeSpan AfterClose = TimeSpan.FromMilliseconds(500);

    [Fact]
    public void Emergency_entries_come_into_force_when_the_controller_is_gone_and_an_attempt_to_reach_it_failed()
    {
        (Socket listener, ConnectionTarget target) = AgentHarness.ListenAsController();
        TestTime time = new();
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], TimeProvider = time });
        using (RawController controller = new RawController(AgentHarness.Accept(listener)).Greet())
        {
            AddNormalAndEmergency(controller);
        }
        time.WaitForTimer(AfterClose);
        Assert.False(InEmergency(harness)); // one attempt is made first
        Assert.Equal(2, OutPortOf(harness));
        listener.Dispose();
        time.Advance(AfterClose);

        harness.WaitForLog("emergency mode entered");
        Assert.True(InEmergency(harness));
        Assert.Equal(1, OutPortOf(harness));
        Assert.Equal(MissBehaviour.Drop, harness.ReadMissBehaviour());
    }

    [Fact]
    public void A_controller_that_is_back_at_the_first_attempt_finds_its_entries_as_they_were()
    {
        (Socket listener, ConnectionTarget target) = AgentHarness.ListenAsController();
        TestTime time = new();
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], TimeProvider = time });
        using (RawController controller = new RawController(AgentHarness.Accept(listener)).Greet())
        {
            AddNormalAndEmergency(controller);
        }
        time.WaitForTimer(AfterClose);
        time.Advance(AfterClose);
        using RawController again = new RawController(AgentHarness.Accept(listener)).Greet();
        again.Barrier();

        Assert.False(InEmergency(harness));
        Assert.Equal(2, OutPortOf(harness));
        listener.Dispose();
    }

    [Fact]
    public void After_reconnecting_the_emergency_entries_stay_until_the_controller_deletes_them()
    {
        (Socket listener, ConnectionTarget target) = AgentHarness.ListenAsController();
        TestTime time = new();
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], TimeProvider = time, EmergencyAttempts = 0 });
        using (RawController controller = new RawController(AgentHarness.Accept(listener)).Greet())
        {
            AddNormalAndEmergency(controller);
        }
        harness.WaitForLog("emergency mode entered");
        time.WaitForTimer(AfterClose);
        time.Advance(AfterClose);
        using RawController again = new RawController(AgentHarness.Accept(listener)).Greet();
        again.Barrier();
        Assert.False(InEmergency(harness));
        Assert.Equal(1, OutPortOf(harness));

        again.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));
        again.Barrier();
        Assert.Empty(Read(again, FlowFilter.AllTables));
        Assert.Equal([(byte)0xfe], Read(again, FlowFilter.EmergencyTable));
        listener.Dispose();
    }

    [Fact]
    public void While_one_of_two_controllers_is_there_nothing_happens()
    {
        (Socket listenerA, ConnectionTarget a) = AgentHarness.ListenAsController();
        (Socket listenerB, ConnectionTarget b) = AgentHarness.ListenAsController();
        TestTime time = new();
        using AgentHarness harness = new(new AgentOptions { Controllers = [a, b], TimeProvider = time });
        using RawController stays = new RawController(AgentHarness.Accept(listenerB)).Greet();
        stays.Barrier();
        using (RawController controller = new RawController(AgentHarness.Accept(listenerA)).Greet())
        {
            AddNormalAndEmergency(controller);
        }
        time.WaitForTimer(AfterClose);
        listenerA.Dispose();
        time.Advance(AfterClose);
        time.WaitForTimer(ReconnectDelay.First); // the attempt has failed

        Assert.False(InEmergency(harness));
        Assert.Equal(2, OutPortOf(harness));
        listenerB.Dispose();
    }

    [Fact]
    public void Without_emergency_entries_normal_entries_outlive_the_controller()
    {
        (Socket listener, ConnectionTarget target) = AgentHarness.ListenAsController();
        TestTime time = new();
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], TimeProvider = time, EmergencyAttempts = 0 });
        using (RawController controller = new RawController(AgentHarness.Accept(listener)).Greet())
        {
            controller.Send(b => FlowTableTests.WriteAdd(b, 1, FlowMatch.Any, 5, FlowAction.Output(2)));
            Assert.Empty(controller.Barrier());
        }
        time.WaitForTimer(AfterClose);

        Assert.False(InEmergency(harness));
        Assert.Equal(2, OutPortOf(harness));
        listener.Dispose();
    }

    [Fact]
    public void A_controller_that_came_through_a_listener_cannot_be_attempted_so_its_loss_is_the_emergency()
    {
        using AgentHarness harness = new();
        using (RawController tool = harness.Connect())
        {
            AddNormalAndEmergency(tool); // never asked for a configuration: no controller
        }
        harness.WaitForLog("closed by the peer");
        Assert.False(InEmergency(harness));
        using (RawController controller = harness.Connect())
        {
            controller.Send(b => ConfigMessage.WriteSet(b, 1, new SwitchConfig(OfConfigFlags.FragmentsNormal, 128)));
            controller.Barrier();
        }
        harness.WaitForLog("emergency mode entered");
        Assert.Equal(1, OutPortOf(harness));
    }

    [Fact]
    public void Silence_of_three_probe_intervals_is_a_loss_like_any_other()
    {
        TestTime time = new();
        using AgentHarness harness = new(new AgentOptions { TimeProvider = time, ProbeInterval = TimeSpan.FromSeconds(5) });
        using RawController controller = harness.Connect();
        controller.Send(b => ConfigMessage.WriteSet(b, 1, new SwitchConfig(OfConfigFlags.FragmentsNormal, 128)));
        AddNormalAndEmergency(controller);
        time.Advance(TimeSpan.FromSeconds(16));

        harness.WaitForLog("emergency mode entered");
        Assert.True(InEmergency(harness));
    }

    [Fact]
    public void Errors_of_emergency_flow_mods_have_their_codes()
    {
        using AgentHarness harness = new(datapath: new DatapathOptions { MaxEmergencyEntries = 1 });
        using RawController controller = harness.Connect();
        controller.Send(b => FlowModMessage.Write(
            b, 1, new FlowMod { Match = FlowMatch.Any, HardTimeoutSeconds = 1, Flags = FlowModFlags.Emergency }));
        Assert.Equal("OFPFMFC_BAD_EMERG_TIMEOUT", controller.ReadError().Name);
        controller.Send(b => FlowModMessage.Write(b, 2, new FlowMod { Match = FlowMatch.Any, Flags = FlowModFlags.Emergency }));
        controller.Send(b => FlowModMessage.Write(b, 3, new FlowMod { Match = FlowTableTests.InPort(1), Flags = FlowModFlags.Emergency }));
        (string name, uint xid, _) = controller.ReadError();
        Assert.Equal(("OFPFMFC_ALL_TABLES_FULL", 3u), (name, xid));
    }

    [Fact]
    public void Statistics_of_table_0xfe_are_the_emergency_entries_and_of_all_tables_are_not()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        AddNormalAndEmergency(controller);

        Assert.Equal([(byte)0], Read(controller, FlowFilter.AllTables));
        Assert.Equal([(byte)0xfe], Read(controller, FlowFilter.EmergencyTable));
        controller.Send(b => AggregateStatsMessage.WriteRequest(b, 1, new FlowFilter(FlowMatch.Any, FlowFilter.EmergencyTable)));
        StatsMessage.TryDecode(controller.Read(OfType.StatsReply), out _, out _, out ReadOnlySpan<byte> body, out _);
        Assert.True(AggregateStatsMessage.TryReadEntry(ref body, out AggregateStatistics total));
        Assert.Equal(1u, total.FlowCount);
    }

    /// <summary>Normally to port 2; in an emergency back out of port 1.</summary>
    private static void AddNormalAndEmergency(RawController controller)
    {
        controller.Send(b => FlowTableTests.WriteAdd(b, 1, FlowMatch.Any, 5, FlowAction.Output(2)));
        FlowAction[] back = [FlowAction.Output(Datapath.Ports.PortNumber.InPort)];
        controller.Send(b => FlowModMessage.Write(
            b, 2, new FlowMod { Match = FlowTableTests.InPort(1), Priority = 5, Flags = FlowModFlags.Emergency, Actions = back }));
        Assert.Empty(controller.Barrier());
    }

    private static bool InEmergency(AgentHarness harness)
    {
        using (harness.Control.Enter())
        {
            return harness.Control.InEmergency;
        }
    }

    /// <summary>Sends a frame into port 1 and says where it came out.</summary>
    private static int OutPortOf(AgentHarness harness)
    {
        Assert.True(harness.Ports[1].TryInject(TestPacket.Icmp()));
        int number = 0;
        Eventually.Polled(
            () =>
            {
                number = harness.Ports.FirstOrDefault(port => port.Value.Collect().Count > 0).Key;
                return number != 0;
            },
            () => "the frame comes out of a port");
        return number;
    }

    private static List<byte> Read(RawController controller, byte table)
    {
        controller.Send(b => FlowStatsMessage.WriteRequest(b, 5, new FlowFilter(FlowMatch.Any, table)));
        StatsMessage.TryDecode(controller.Read(OfType.StatsReply), out _, out _, out ReadOnlySpan<byte> body, out _);
        List<byte> tables = [];
        FlowAction[] storage = new FlowAction[OfActions.MaxCount];
        while (FlowStatsMessage.TryReadEntry(ref body, storage, out FlowStatistics flow))
        {
            tables.Add(flow.TableId);
        }
        return tables;
    }
}
