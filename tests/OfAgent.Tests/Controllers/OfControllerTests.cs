using System.Collections.Concurrent;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Controllers;

public class OfControllerTests
{
    [Fact]
    public void A_switch_is_greeted_and_known_by_its_features()
    {
        using Recorder controller = Recorder.Create();
        using ScriptedPeer peer = Connect(controller, 7);
        Assert.Equal(7UL, Assert.Single(controller.Switches).DatapathId);
        Assert.Same(controller.Switches[0], controller.Find(7));
        Assert.Null(controller.Find(8));
    }

    [Fact]
    public void What_a_handler_sends_goes_out_when_it_returns()
    {
        using Recorder controller = Recorder.Create();
        using ScriptedPeer peer = Connect(controller, 7);
        peer.Send(b => PacketInMessage.Write(
            b, 0, new PacketIn { BufferId = FlowMod.NoBuffer, InPort = 3, Reason = PacketInReason.NoMatch, MaxLength = 128, Data = new byte[60] }, 65535));
        Assert.True(FlowModMessage.TryDecode(peer.Await(OfType.FlowMod), new FlowAction[8], out FlowMod mod, out _));
        Assert.Equal([FlowAction.Output(3)], mod.Actions.ToArray());
    }

    [Fact]
    public void All_barriers_are_answered_when_the_last_switch_has_answered()
    {
        using Recorder controller = Recorder.Create();
        using ScriptedPeer first = Connect(controller, 1);
        using ScriptedPeer second = Connect(controller, 2);
        controller.Ask();
        uint firstXid = ScriptedPeer.XidOf(first.Await(OfType.BarrierRequest));
        uint secondXid = ScriptedPeer.XidOf(second.Await(OfType.BarrierRequest));
        second.Send(b => BarrierMessage.WriteReply(b, secondXid));
        second.Send(b => EchoMessage.WriteRequest(b, 99)); // its answer comes after the barrier's reply was taken
        Assert.Equal(99u, ScriptedPeer.XidOf(second.Await(OfType.EchoReply)));
        Assert.Null(controller.Answers);
        first.Send(b => BarrierMessage.WriteReply(b, firstXid));
        Eventually.True(() => controller.Answers != null, "the last answer");
        Assert.True(controller.Answers![0] >= controller.Answers[1] && controller.Answers[1] > 0);
    }

    [Fact]
    public void Errors_come_with_the_xid_of_what_they_are_about()
    {
        using Recorder controller = Recorder.Create();
        using ScriptedPeer peer = Connect(controller, 7);
        peer.Send(b => ErrorMessage.Write(b, 42, OfError.BadActionBadOutPort, default));
        Eventually.True(() => controller.Errors.Count == 1, "the error");
        Assert.Equal((42u, OfError.BadActionBadOutPort), controller.Errors.First());
    }

    [Fact]
    public void Statistics_come_in_parts_and_the_last_one_says_so()
    {
        using Recorder controller = Recorder.Create();
        using ScriptedPeer peer = Connect(controller, 7);
        foreach (bool more in (bool[])[true, false])
        {
            peer.Send(b =>
            {
                int start = StatsMessage.BeginReply(b, 9, OfStatsType.Port);
                PortStatsMessage.WriteEntry(b, new PortStatistics { PortNumber = 3 });
                StatsMessage.EndReply(b, start, more);
            });
        }
        Eventually.True(() => controller.Parts.Count == 2, "both parts");
        Assert.Equal([(9u, OfStatsType.Port, PortStatsMessage.EntrySize, false), (9u, OfStatsType.Port, PortStatsMessage.EntrySize, true)], controller.Parts);
    }

    [Fact]
    public void A_switch_that_goes_is_forgotten_and_one_that_speaks_nonsense_is_left()
    {
        using Recorder controller = Recorder.Create();
        ScriptedPeer peer = Connect(controller, 7);
        using ScriptedPeer bad = Connect(controller, 8);
        peer.Dispose();
        Eventually.True(() => controller.Find(7) == null, "its end");
        bad.SendBytes([1, 2, 0, 3, 0, 0, 0, 0]); // shorter than a header
        while (bad.TryRead(mayReset: true) is not null)
        {
            // what was sent before
        }
        Eventually.True(() => controller.Gone == 2, "both ends");
    }

    [Fact]
    public void A_switch_that_does_not_read_holds_up_no_other()
    {
        using Recorder controller = Recorder.Create();
        using ScriptedPeer deaf = Connect(controller, 7);
        OfBuffer request = new();
        EchoMessage.WriteRequest(request, 1, new byte[60_000]);
        deaf.WriteUntilFull(request.Written);
        using ScriptedPeer other = Connect(controller, 8);
        other.Send(b => EchoMessage.WriteRequest(b, 99));
        Assert.Equal(99u, ScriptedPeer.XidOf(other.Await(OfType.EchoReply)));
        Assert.NotNull(controller.Find(7));
    }

    [Fact]
    public void A_switch_of_another_version_is_told_so()
    {
        using Recorder controller = Recorder.Create();
        using ScriptedPeer peer = new(controller.Port);
        peer.SendBytes([4, 2, 0, 8, 0, 0, 0, 5]); // an echo request of OpenFlow 1.3
        Assert.True(ErrorMessage.TryDecode(peer.Await(OfType.Error), out OfError error, out _, out _));
        Assert.Equal(OfError.HelloIncompatible, error);
    }

    [Theory]
    [InlineData("tcp:127.0.0.1")]
    [InlineData("pssl:0")]
    [InlineData("nonsense")]
    public void A_target_that_is_not_to_listen_on_in_clear_is_refused(string target) =>
        Assert.Throws<OfClientException>(() => new Recorder(target));

    private static ScriptedPeer Connect(Recorder controller, ulong datapathId)
    {
        int known = controller.Switches.Count;
        ScriptedPeer peer = new(controller.Port);
        peer.Send(b => HelloMessage.Write(b, 1));
        peer.Await(OfType.FeaturesRequest);
        peer.Send(b => FeaturesMessage.WriteReply(b, 2, new SwitchFeatures(datapathId, 256, 2, OfCapabilities.None, 0), []));
        Eventually.True(() => controller.Switches.Count > known, "the switch");
        return peer;
    }

    /// <summary>Answers each packet-in with a flow back to where it came from, and writes down the rest.</summary>
    private sealed class Recorder : OfController
    {
        public Recorder(string listen)
            : base(new ControllerOptions { Listen = listen, ProbeInterval = TimeSpan.FromHours(1) })
        {
        }

        public IReadOnlyList<long>? Answers { get; private set; }

        public ConcurrentQueue<(uint Xid, OfError Error)> Errors { get; } = [];

        public ConcurrentQueue<(uint Xid, OfStatsType Type, int Length, bool IsLast)> Parts { get; } = [];

        public int Gone { get; private set; }

        public static Recorder Create()
        {
            var controller = new Recorder("ptcp:0:127.0.0.1");
            controller.Start();
            return controller;
        }

        public void Ask()
        {
            lock (HandlerLock)
            {
                BarrierAll(Switches, answers => Answers = answers);
            }
            foreach (SwitchConnection one in Switches)
            {
                one.Flush();
            }
        }

        protected override void OnPacketIn(SwitchConnection from, in ReceivedPacketIn packetIn) =>
            from.Send(new FlowMod { Actions = [FlowAction.Output(packetIn.InPort)] });

        protected override void OnError(SwitchConnection from, uint xid, OfError error) => Errors.Enqueue((xid, error));

        protected override void OnStatsReply(SwitchConnection from, uint xid, OfStatsType type, ReadOnlySpan<byte> body, bool isLast) =>
            Parts.Enqueue((xid, type, body.Length, isLast));

        protected override void OnDisconnected(SwitchConnection from) => Gone++;
    }
}
