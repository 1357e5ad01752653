using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Pipeline;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Learning;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Xenflow;
using Softswitch.Testing;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.Scenarios.Tests;

/// <summary>The steps of a move with and without barriers and probe, and flows that are made in advance, with four switches that the test plays.</summary>
public sealed class XenflowControllerTests : IDisposable
{
    private const ulong Source = 0xa1;
    private const ulong Destination = 0xa2;
    private static readonly ulong[] Links = [0xb1, 0xb2];
    private static readonly MacAddress Left = Mac("02:00:00:00:00:02");
    private static readonly MacAddress Right = Mac("02:00:00:00:00:03");
    private static readonly NextHop Next = new(XenflowController.RightInterface, Mac("02:00:00:00:00:04"));
    private static readonly Dictionary<ulong, ushort> ToMachines = new() { [Source] = 2, [Destination] = 3 };

    private readonly XenflowController _controller = new(
        (Left, Right), new Dictionary<ulong, RouterPorts> { [Source] = new(1, 2, 3, 4), [Destination] = new(11, 12, 13, 14) },
        [.. Links.Select(link => new LinkSwitch(link, ToMachines))], Source);

    private readonly Dictionary<ulong, ScriptedPeer> _switches = [];

    public XenflowControllerTests()
    {
        _controller.Start();
        foreach (ulong id in (ulong[])[Source, Destination, .. Links])
        {
            ScriptedPeer device = PlayedSwitch.Connect(_controller.Port, id);
            _switches.Add(id, device);
            for (int flows = Links.Contains(id) ? 3 : 7; flows > 0; flows--)
            {
                device.Await(OfType.FlowMod); // those it has from the start
            }
        }
        Eventually.True(() => _controller.Switches.Count == _switches.Count, () => "not all switches are there");
        _controller.Table = new RoutingTable(
            [new RouteEntry(Prefix("0.0.0.0/0"), Address("198.20.0.1"), XenflowController.RightInterface, 0)],
            new Dictionary<Be32, MacAddress> { [Address("198.20.0.1")] = Next.HardwareAddress });
    }

    [Fact]
    public void Links_are_changed_once_the_destination_has_confirmed_its_flows()
    {
        FlowMove move = Begin(MoveSteps.Whole);
        Assert.Equal((ushort)11, _switches[Destination].ReadMod().Match.InPort);
        byte[] barrier = _switches[Destination].Await(OfType.BarrierRequest);
        _switches[Links[0]].AssertNothingIsSaid();
        Confirm(Destination, barrier);
        AssertLinksAreChanged();
        Assert.False(move.IsDone);
    }

    [Fact]
    public void Without_barriers_links_are_changed_at_once_and_all_switches_are_asked_at_the_end()
    {
        FlowMove move = Begin(new MoveSteps(Waits: false, Probes: false));
        _switches[Destination].ReadMod();
        AssertLinksAreChanged();
        Assert.Equal(FlowModCommand.Delete, _switches[Source].ReadMod().Command);
        foreach (ulong id in _switches.Keys)
        {
            Assert.False(move.IsDone);
            Confirm(id, _switches[id].Await(OfType.BarrierRequest));
        }
        Eventually.True(() => move.IsDone, () => "the move does not end");
        Assert.Equal(Destination, _controller.Place);
    }

    [Fact]
    public void Old_entries_stay_until_a_probe_has_come_by_each_link()
    {
        FlowMove move = Begin(MoveSteps.Whole);
        ConfirmAdditionAndLinks();
        foreach (ushort link in (ushort[])[1, 2])
        {
            _switches[Source].AssertNothingIsSaid();
            byte[] sent = _switches[Links[link - 1]].Await(OfType.PacketOut);
            Assert.True(PacketOutMessage.TryDecode(sent, new FlowAction[8], out PacketOut probe, out _));
            Assert.Equal([FlowAction.Output(ToMachines[Source])], probe.Actions.ToArray());
            byte[] frame = probe.Data.ToArray();
            Arrive(link, PacketInReason.Action, frame);
        }
        ConfirmDeletion();
        Eventually.True(() => move.IsDone, () => "the move does not end");
    }

    [Fact]
    public void Without_a_probe_old_entries_go_as_soon_as_the_links_are_changed()
    {
        FlowMove move = Begin(new MoveSteps(Probes: false));
        ConfirmAdditionAndLinks();
        ConfirmDeletion();
        Eventually.True(() => move.IsDone, () => "the move does not end");
        Assert.Equal(0, move.DrainedAt);
    }

    [Fact]
    public void Break_before_make_adds_nothing_before_the_deletion_is_confirmed()
    {
        FlowMove move = Begin(new MoveSteps(BreaksFirst: true));
        Assert.Equal((FlowModCommand.Delete, FlowModCommand.Delete), (_switches[Source].ReadMod().Command, _switches[Source].ReadMod().Command));
        byte[] barrier = _switches[Source].Await(OfType.BarrierRequest);
        _switches[Destination].AssertNothingIsSaid();
        Confirm(Source, barrier);
        ConfirmAdditionAndLinks();
        Eventually.True(() => move.IsDone, () => "the move does not end");
    }

    [Fact]
    public void Flows_that_are_made_in_advance_are_those_that_packets_would_have_made()
    {
        byte[] frame = Packet(7);
        bool isDone = false;
        _controller.Insert([frame], () => Volatile.Write(ref isDone, true));
        SentMod made = _switches[Source].ReadMod();
        Confirm(Source, _switches[Source].Await(OfType.BarrierRequest));
        Eventually.True(() => Volatile.Read(ref isDone), () => "nobody is told");
        Arrive(1, PacketInReason.NoMatch, frame);
        SentMod onDemand = _switches[Source].ReadMod();
        Assert.Equal(onDemand with { Actions = made.Actions }, made);
        Assert.Equal([FlowAction.SetDlDst(Next.HardwareAddress), FlowAction.Output(2)], made.Actions);
        Assert.Equal(onDemand.Actions, made.Actions);
    }

    public void Dispose()
    {
        foreach (ScriptedPeer device in _switches.Values)
        {
            device.Dispose();
        }
        _controller.Dispose();
    }

    /// <summary>Orders a move, and says as the source that there is one flow of the router's.</summary>
    private FlowMove Begin(MoveSteps steps)
    {
        FlowMove move = _controller.Move(Destination, steps);
        uint xid = ScriptedPeer.XidOf(_switches[Source].Await(OfType.StatsRequest));
        FlowAction[] actions = [FlowAction.SetDlDst(Next.HardwareAddress), FlowAction.Output(2)];
        Assert.True(PacketMatch.TryCreate(Packet(7), 1, out FlowMatch match));
        _switches[Source].Send(b =>
        {
            int start = StatsMessage.BeginReply(b, xid, OfStatsType.Flow);
            FlowStatsMessage.WriteEntry(b, new FlowStatistics { Match = match, Priority = 0x8000, IdleTimeoutSeconds = 300, Actions = actions });
            StatsMessage.EndReply(b, start);
        });
        return move;
    }

    private void Arrive(ushort port, PacketInReason reason, byte[] frame) => _switches[Source].Arrive(port, frame, reason);

    private void ConfirmAdditionAndLinks()
    {
        _switches[Destination].ReadMod();
        Confirm(Destination, _switches[Destination].Await(OfType.BarrierRequest));
        AssertLinksAreChanged();
        foreach (ulong link in Links)
        {
            Confirm(link, _switches[link].Await(OfType.BarrierRequest));
        }
    }

    private void ConfirmDeletion()
    {
        Assert.Equal(FlowModCommand.Delete, _switches[Source].ReadMod().Command);
        Assert.Equal(FlowModCommand.Delete, _switches[Source].ReadMod().Command);
        Confirm(Source, _switches[Source].Await(OfType.BarrierRequest));
    }

    private void AssertLinksAreChanged()
    {
        foreach (ulong link in Links)
        {
            SentMod change = _switches[link].ReadMod();
            Assert.Equal(FlowModCommand.ModifyStrict, change.Command);
            Assert.Equal([FlowAction.Output(ToMachines[Destination])], change.Actions);
        }
    }

    private void Confirm(ulong id, byte[] barrier) => _switches[id].Confirm(barrier);

    private static byte[] Packet(ushort flow)
    {
        byte[] frame = MeasuredFrame.Template(MeasuredFrame.MinLength);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(MeasuredFrame.SourcePortOffset), flow);
        return frame;
    }
}
