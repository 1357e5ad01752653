using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>More peers than there are places, and peers that take their time: who comes in good faith is served.</summary>
public sealed class CrowdTests
{
    private const string NoHello = "04 05 00 08 00 00 00 01"; // a features request of OpenFlow 1.3

    private static readonly SwitchConfig SomeConfig = new(OfConfigFlags.FragmentsNormal, 128);

    [Fact]
    public void A_peer_that_says_no_HELLO_is_given_up_and_one_that_did_stays()
    {
        TestTime time = new();
        using AgentHarness harness = new(Patient(time));
        using RawController mute = new(harness.Agent.ListenPorts[0]);
        using RawController greeted = harness.Connect();
        greeted.Barrier();
        mute.Read(OfType.Hello);
        AdvanceUntilClosed(time, mute);

        Assert.Contains("refused: no HELLO within 5 s", harness.WaitForLog("refused"), StringComparison.Ordinal);
        Assert.Empty(greeted.Barrier());
    }

    [Fact]
    public void Half_a_message_is_given_up_however_often_a_byte_of_it_comes()
    {
        TestTime time = new();
        using AgentHarness harness = new(Patient(time));
        using RawController slow = harness.Connect();
        slow.Barrier();
        slow.SendHex("01 02 ff ff 00 00 00 00"); // an echo request of 64 KiB
        AdvanceUntilClosed(time, slow, () => slow.SendBytes([0]));

        harness.WaitForLog("closed: the rest of a message did not come");
    }

    [Fact]
    public void When_all_places_are_taken_the_oldest_that_said_no_HELLO_gives_way()
    {
        using AgentHarness harness = new();
        List<RawController> crowd = Fill(harness, configured: 0, greeted: 1, mute: SwitchAgent.MaxPassiveConnections - 1);
        using RawController late = harness.Connect();

        Assert.Empty(late.Barrier());
        Assert.Null(crowd[1].TryRead());
        Assert.Empty(crowd[0].Barrier());
        Assert.Empty(crowd[2].Greet(isRead: true).Barrier());
        crowd.ForEach(peer => peer.Dispose());
    }

    [Fact]
    public void Without_mutes_the_one_that_asked_for_nothing_for_the_longest_gives_way_and_controllers_never_do()
    {
        TestTime time = new();
        using AgentHarness harness = new(Patient(time));
        List<RawController> crowd = Fill(harness, configured: SwitchAgent.MaxPassiveConnections - 2, greeted: 2, mute: 0);
        time.Advance(TimeSpan.FromSeconds(1));
        RawController busy = crowd[^2];
        RawController idle = crowd[^1];
        busy.Barrier();
        busy.Send(b => EchoMessage.WriteRequest(b, 1)); // a second one says nothing new
        busy.Read(OfType.EchoReply);
        time.Advance(TimeSpan.FromSeconds(1));
        idle.Send(b => EchoMessage.WriteRequest(b, 1));
        idle.Read(OfType.EchoReply);

        using RawController late = harness.Connect();
        late.Send(b => ConfigMessage.WriteSet(b, 1, SomeConfig));
        late.Barrier();
        Assert.Null(idle.TryRead());
        busy.Send(b => ConfigMessage.WriteSet(b, 1, SomeConfig));
        busy.Barrier();

        using RawController tooLate = new(harness.Agent.ListenPorts[0]);
        Assert.Null(tooLate.TryRead());
        harness.WaitForLog($"refused: all {SwitchAgent.MaxPassiveConnections} places for connections are taken by controllers");
        crowd.Remove(idle);
        Assert.All(crowd, peer => Assert.Empty(peer.Barrier()));
        crowd.ForEach(peer => peer.Dispose());
    }

    [Fact]
    public void A_peer_that_is_refused_cannot_draw_the_end_out_byte_by_byte()
    {
        using AgentHarness harness = new();
        using RawController refused = new(harness.Agent.ListenPorts[0]);
        refused.SendHex(NoHello);
        using Timer dripping = new(_ => IsClosed(refused, () => refused.SendBytes([0])), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(200));

        harness.WaitForLog("no OpenFlow HELLO");
    }

    [Fact]
    public void Peers_that_are_refused_hold_no_places()
    {
        using AgentHarness harness = new();
        List<RawController> crowd = Fill(harness, configured: 0, greeted: 0, mute: SwitchAgent.MaxPassiveConnections);
        crowd.ForEach(peer => peer.SendHex(NoHello));
        crowd.ForEach(peer => peer.Read(OfType.Error)); // and leave it at that
        using RawController late = harness.Connect();

        Assert.Empty(late.Barrier());
        crowd.ForEach(peer => peer.Dispose());
    }

    [Fact]
    public void A_place_becomes_free_while_another_has_the_flow_table()
    {
        using AgentHarness harness = new();
        using ManualResetEventSlim taken = new();
        using ManualResetEventSlim done = new();
        List<RawController> crowd = Fill(harness, configured: 0, greeted: SwitchAgent.MaxPassiveConnections, mute: 0);
        Thread command = new(() => HoldTable(harness.Control, taken, done));
        command.Start();
        taken.Wait(TestContext.Current.CancellationToken);
        try
        {
            using RawController late = harness.Connect();
            Assert.Empty(late.Barrier());
        }
        finally
        {
            done.Set();
            command.Join();
            crowd.ForEach(peer => peer.Dispose());
        }
    }

    [Fact]
    public void A_configured_controller_has_a_place_whoever_came_before()
    {
        (Socket listener, ConnectionTarget target) = AgentHarness.ListenAsController();
        using AgentHarness harness = new(new AgentOptions { Controllers = [target], Listeners = [AgentHarness.Target("ptcp:0:127.0.0.1")] });
        List<RawController> crowd = Fill(harness, configured: SwitchAgent.MaxPassiveConnections, greeted: 0, mute: 0);
        using RawController controller = new RawController(AgentHarness.Accept(listener)).Greet();

        Assert.Empty(controller.Barrier());
        Assert.All(crowd, peer => Assert.Empty(peer.Barrier()));
        crowd.ForEach(peer => peer.Dispose());
        listener.Dispose();
    }

    [Fact]
    public void A_flood_of_refusals_is_a_line_a_minute_for_each_reason()
    {
        TestTime time = new();
        List<string> lines = [];
        RefusalLog sut = new(lines.Add, time);
        for (int minute = 0; minute < 3; minute++)
        {
            for (int i = 0; i < 1000; i++)
            {
                sut.Note($"peer {i}", "refused");
            }
            time.Advance(RefusalLog.Interval);
        }
        sut.Note("peer", "closed");

        Assert.Equal(
            ["peer 0: refused; others like it are counted", "peer 0: refused; 999 others like it since it was said last", "peer 0: refused; 999 others like it since it was said last", "peer: closed; others like it are counted"],
            lines);
    }

    /// <summary>As a command that takes long: lets others take the control lock, not to the flow entries.</summary>
    private static void HoldTable(DatapathControl control, ManualResetEventSlim taken, ManualResetEventSlim done)
    {
        using (control.Enter())
        {
            FlowFilter none = new(FlowMatch.Any);
            taken.Set();
            for (uint cursor = 0; !done.IsSet; cursor = 0)
            {
                control.NextFlow(ref cursor, none, out _);
            }
        }
    }

    /// <summary>No probes: only what is tested ends a connection.</summary>
    private static AgentOptions Patient(TestTime time) => new() { TimeProvider = time, ProbeInterval = TimeSpan.FromHours(1) };

    private static List<RawController> Fill(AgentHarness harness, int configured, int greeted, int mute)
    {
        List<RawController> crowd = [];
        for (int i = 0; i < configured + greeted + mute; i++)
        {
            RawController peer = new(harness.Agent.ListenPorts[0]);
            crowd.Add(peer);
            peer.Read(OfType.Hello); // it has its place
            if (i < configured + greeted)
            {
                peer.Greet(isRead: true);
                peer.Barrier();
            }
            if (i < configured)
            {
                peer.Send(b => ConfigMessage.WriteSet(b, 1, SomeConfig));
                peer.Barrier();
            }
        }
        return crowd;
    }

    /// <summary>A second passes after the other until the switch has closed; fails if half a minute does not do.</summary>
    private static void AdvanceUntilClosed(TestTime time, RawController peer, Action? eachSecond = null)
    {
        int seconds = 0;
        Eventually.True(
            () =>
            {
                bool isClosed = IsClosed(peer, eachSecond);
                time.Advance(TimeSpan.FromSeconds(isClosed || seconds++ >= 30 ? 0 : 1));
                return isClosed;
            },
            "the switch closes");
    }

    private static bool IsClosed(RawController peer, Action? first = null)
    {
        try
        {
            first?.Invoke();
            return peer.Socket.Poll(TimeSpan.Zero, SelectMode.SelectRead) && peer.TryRead() is null;
        }
        catch (SocketException)
        {
            return true; // it closed with bytes unread
        }
    }
}
