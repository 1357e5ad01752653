using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>More peers than there are places, and peers that take their time: who comes in good faith is served.</summary>
public sealed class CrowdTests : IDisposable
{
    private const string NoHello = "04 05 00 08 00 00 00 01"; // a features request of OpenFlow 1.3

    private static readonly IPAddress Elsewhere = IPAddress.Parse("127.0.0.2");

    private readonly TestTime _time = new();
    private readonly List<RawController> _crowd = [];

    public void Dispose() => _crowd.ForEach(peer => peer.Dispose());

    [Fact]
    public void A_peer_that_says_no_HELLO_is_given_up_and_one_that_did_stays()
    {
        using AgentHarness harness = new(Patient());
        using RawController mute = new(harness.Agent.ListenPorts[0]);
        using RawController greeted = harness.Connect();
        greeted.Barrier();
        mute.Read(OfType.Hello);
        AdvanceUntilClosed(mute);

        Assert.Contains("refused: no HELLO within 5 s", harness.WaitForLog("refused"), StringComparison.Ordinal);
        Assert.Empty(greeted.Barrier());
    }

    [Fact]
    public void Half_a_message_is_given_up_however_often_a_byte_of_it_comes()
    {
        using AgentHarness harness = new(Patient());
        using RawController slow = harness.Connect();
        slow.Barrier();
        slow.SendHex("01 02 ff ff 00 00 00 00"); // an echo request of 64 KiB
        AdvanceUntilClosed(slow, () => slow.SendBytes([0]));

        harness.WaitForLog("closed: the rest of a message did not come");
    }

    [Fact]
    public void When_all_places_are_taken_the_oldest_that_said_no_HELLO_gives_way()
    {
        using AgentHarness harness = new();
        Fill(harness, greeted: 1, mute: SwitchAgent.MaxPassiveConnections - 1);
        using RawController late = harness.Connect();

        Assert.Empty(late.Barrier());
        Assert.Null(_crowd[1].TryRead());
        Assert.Empty(_crowd[0].Barrier());
        Assert.Empty(_crowd[2].Greet(isRead: true).Barrier());
    }

    [Fact]
    public void Without_mutes_the_one_that_asked_for_nothing_for_the_longest_gives_way_and_controllers_never_do()
    {
        using AgentHarness harness = new(Patient());
        Fill(harness, configured: SwitchAgent.MaxPassiveConnections - 2, greeted: 2);
        _time.Advance(TimeSpan.FromSeconds(1));
        RawController busy = _crowd[^2];
        RawController idle = _crowd[^1];
        busy.Barrier();
        busy.Send(b => EchoMessage.WriteRequest(b, 1)); // a second one says nothing new
        busy.Read(OfType.EchoReply);
        _time.Advance(TimeSpan.FromSeconds(1));
        idle.Send(b => EchoMessage.WriteRequest(b, 1));
        idle.Read(OfType.EchoReply);

        using RawController late = harness.Connect();
        late.Configure();
        Assert.Null(idle.TryRead());
        busy.Configure();

        using RawController tooLate = new(harness.Agent.ListenPorts[0]);
        Assert.Null(tooLate.TryRead());
        harness.WaitForLog($"refused: all {SwitchAgent.MaxPassiveConnections} places for connections are taken by controllers");
        _crowd.Remove(idle);
        Assert.All(_crowd, peer => Assert.Empty(peer.Barrier()));
    }

    [Fact]
    public void Of_peers_that_are_no_controllers_one_of_the_origin_with_the_most_places_gives_way()
    {
        using AgentHarness harness = new(Patient());
        using RawController other = ConnectFrom(Elsewhere, harness).Greet();
        other.Barrier();
        _time.Advance(TimeSpan.FromSeconds(1));
        Fill(harness, greeted: SwitchAgent.MaxPassiveConnections - 1);
        _time.Advance(TimeSpan.FromSeconds(1));
        using RawController newcomer = new RawController(harness.Agent.ListenPorts[0]).Greet();

        Assert.Empty(other.Barrier());
        Assert.Empty(newcomer.Barrier());
    }

    [Fact]
    public void Somebody_from_elsewhere_is_served_among_many_who_connect_and_leave()
    {
        using AgentHarness harness = new();
        using CancellationTokenSource stop = new();
        Thread flood = new(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                Try(() =>
                {
                    using RawController peer = new(harness.Agent.ListenPorts[0]);
                    peer.Socket.LingerState = new LingerOption(enable: true, seconds: 0);
                    peer.Send(b => HelloMessage.Write(b, 1));
                });
            }
        });
        flood.Start();
        try
        {
            for (int round = 0; round < 20; round++)
            {
                using RawController newcomer = ConnectFrom(Elsewhere, harness).Greet();
                newcomer.Configure();
            }
        }
        finally
        {
            stop.Cancel();
            flood.Join();
        }
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
        Fill(harness, mute: SwitchAgent.MaxPassiveConnections);
        _crowd.ForEach(peer => peer.SendHex(NoHello));
        _crowd.ForEach(peer => peer.Read(OfType.Error)); // and leave it at that
        using RawController late = harness.Connect();

        Assert.Empty(late.Barrier());
    }

    [Fact]
    public void A_place_becomes_free_while_another_has_the_flow_table()
    {
        using AgentHarness harness = new();
        using ManualResetEventSlim taken = new();
        using ManualResetEventSlim done = new();
        Fill(harness, greeted: SwitchAgent.MaxPassiveConnections);
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
        }
    }

    [Fact]
    public void A_configured_controller_has_a_place_whoever_came_before()
    {
        using Socket listener = AgentHarness.ListenAsController(out ConnectionTarget target);
        using AgentHarness harness = new(Patient() with { Controllers = [target], Listeners = [AgentHarness.Target("ptcp:0:127.0.0.1")] });
        Fill(harness, configured: SwitchAgent.MaxPassiveConnections);
        using RawController controller = AgentHarness.Accept(listener).Greet();

        Assert.Empty(controller.Barrier());
        Assert.All(_crowd, peer => Assert.Empty(peer.Barrier()));
    }

    [Fact]
    public void A_flood_of_refusals_is_a_line_a_minute_for_each_reason()
    {
        List<string> lines = [];
        RefusalLog sut = new(lines.Add, _time);
        for (int minute = 0; minute < 3; minute++)
        {
            for (int i = 0; i < 1000; i++)
            {
                sut.Note($"peer {i}", "refused");
            }
            _time.Advance(RefusalLog.Interval);
        }
        sut.Note("peer", "closed");

        Assert.Equal(
            ["peer 0: refused; others like it are counted", "peer 0: refused; 999 others like it since it was said last", "peer 0: refused; 999 others like it since it was said last", "peer: closed; others like it are counted"],
            lines);
    }

    /// <summary>Does what the switch may end at any moment.</summary>
    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (SocketException)
        {
            // turned away
        }
    }

    /// <summary>Another address of this host.</summary>
    private static RawController ConnectFrom(IPAddress address, AgentHarness harness)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(address, 0));
        socket.Connect(IPAddress.Loopback, harness.Agent.ListenPorts[0]);
        return new RawController(socket);
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
                control.Flows.Next(ref cursor, none, out _);
            }
        }
    }

    /// <summary>No probes: only what is tested ends a connection.</summary>
    private AgentOptions Patient() => new() { TimeProvider = _time, ProbeInterval = TimeSpan.FromHours(1) };

    private void Fill(AgentHarness harness, int configured = 0, int greeted = 0, int mute = 0)
    {
        for (int i = 0; i < configured + greeted + mute; i++)
        {
            RawController peer = new(harness.Agent.ListenPorts[0]);
            _crowd.Add(peer);
            peer.Read(OfType.Hello); // it has its place
            if (i < configured + greeted)
            {
                peer.Greet(isRead: true);
                peer.Barrier();
            }
            if (i < configured)
            {
                peer.Configure();
            }
        }
    }

    /// <summary>A second passes after the other until the switch has closed; fails if half a minute does not do.</summary>
    private void AdvanceUntilClosed(RawController peer, Action? eachSecond = null)
    {
        int seconds = 0;
        Eventually.True(
            () =>
            {
                bool isClosed = IsClosed(peer, eachSecond);
                _time.Advance(TimeSpan.FromSeconds(isClosed || seconds++ >= 30 ? 0 : 1));
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
