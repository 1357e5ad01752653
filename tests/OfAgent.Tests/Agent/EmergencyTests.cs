using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Agent;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Emergency mode (OpenFlow 1.0.0 §4.3) with sockets that really close and a clock that only the test moves.</summary>
public sealed class EmergencyTests
{
    private static readonly TimeSpan AfterClose = TimeSpan.FromMilliseconds(500);

    private readonly TestTime _time = new();

    [Fact]
    public void Emergency_entries_come_into_force_when_the_controller_is_gone_and_an_attempt_to_reach_it_failed()
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], TimeProvider = _time });
        LoseController(listener);
        Assert.False(InEmergency(harness)); // one attempt is made first
        Assert.Equal(2, OutPortOf(harness));
        listener.Dispose();
        _time.Advance(AfterClose);

        harness.WaitForLog("emergency mode entered");
        Assert.True(InEmergency(harness));
        Assert.Equal(1, OutPortOf(harness));
        Assert.Equal(MissBehaviour.Drop, harness.ReadMissBehaviour());
    }

    [Theory]
    [InlineData(1, 2)] // at the first attempt it finds its entries as they were
    [InlineData(0, 1)] // the emergency entries are in force: what deletes them, EmergencyTableTests shows
    public void A_controller_that_is_back_ends_the_emergency_and_finds_the_entries_as_they_are(int attempts, int expected)
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], TimeProvider = _time, EmergencyAttempts = attempts });
        LoseController(listener);
        if (attempts == 0)
        {
            harness.WaitForLog("emergency mode entered");
        }
        Assert.Equal(attempts == 0, InEmergency(harness));
        _time.Advance(AfterClose);
        using RawController again = AgentHarness.Accept(listener).Greet();
        again.Barrier();

        Assert.False(InEmergency(harness));
        Assert.Equal(expected, OutPortOf(harness));
    }

    [Fact]
    public void While_one_of_two_controllers_is_there_nothing_happens()
    {
        using Socket listenerA = AgentHarness.ListenAsController(out ConnectionTarget a);
        using Socket listenerB = AgentHarness.ListenAsController(out ConnectionTarget b);
        using AgentHarness harness = new(new AgentOptions { Controllers = [a, b], TimeProvider = _time });
        using RawController stays = AgentHarness.Accept(listenerB).Greet();
        stays.Barrier();
        LoseController(listenerA);
        listenerA.Dispose();
        _time.Advance(AfterClose);
        _time.WaitForTimer(ReconnectDelay.First); // the attempt has failed

        Assert.False(InEmergency(harness));
        Assert.Equal(2, OutPortOf(harness));
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
            controller.Configure();
        }
        harness.WaitForLog("emergency mode entered");
        Assert.Equal(1, OutPortOf(harness));
    }

    [Fact]
    public void Statistics_of_table_0xfe_are_the_emergency_entries_and_of_all_tables_are_not()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        AddNormalAndEmergency(controller);

        Assert.Equal(0, Assert.Single(controller.ReadFlows()).Table);
        Assert.Equal(0xfe, Assert.Single(controller.ReadFlows(FlowFilter.EmergencyTable)).Table);
        Assert.Equal(1u, controller.CountFlows(FlowFilter.EmergencyTable));
    }

    /// <summary>The controller adds its entries and is gone; the next attempt to reach it waits for the clock.</summary>
    private void LoseController(Socket listener)
    {
        using (RawController controller = AgentHarness.Accept(listener).Greet())
        {
            AddNormalAndEmergency(controller);
        }
        _time.WaitForTimer(AfterClose);
    }

    /// <summary>Normally to port 2; in an emergency back out of port 1.</summary>
    private static void AddNormalAndEmergency(RawController controller)
    {
        controller.Add(FlowMatch.Any, 5, FlowAction.Output(2));
        FlowAction[] back = [FlowAction.Output(PortNumber.InPort)];
        controller.Apply(new FlowMod { Match = FlowTableTests.InPort(1), Priority = 5, Flags = FlowModFlags.Emergency, Actions = back });
    }

    private static bool InEmergency(AgentHarness harness)
    {
        using (harness.Control.Enter())
        {
            return harness.Control.Flows.Emergency.InForce;
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
}
