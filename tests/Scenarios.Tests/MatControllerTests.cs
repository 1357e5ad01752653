using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Mat;
using Softswitch.Testing;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.Scenarios.Tests;

/// <summary>What MAT's controller says to a node that has moved, with a switch that the test plays.</summary>
public sealed class MatControllerTests
{
    private const ushort HostPort = 1;
    private static readonly MacAddress Node = Mac("02:00:00:00:00:a1");
    private static readonly Be32 Home = Address("10.0.0.10");

    private static readonly MatNetwork Network = new(Switch: 1, HostPort, RouterPort: 2, Address("192.168.2.1"), Address("192.168.2.100"), HasLegacyHosts: false);
    private static readonly MacAddress Router = Mac("02:00:00:00:00:f1");

    /// <summary>Correspondents in the first.</summary>
    private static readonly MatNetwork[] Networks =
        [.. Enumerable.Range(1, 3).Select(i => new MatNetwork((ulong)i, HostPort, RouterPort: 2, Address($"192.168.{i}.1"), Address($"192.168.{i}.100"), i == 1))];

    [Fact]
    public void A_node_that_does_not_answer_is_probed_three_times()
    {
        using var controller = new MatController([Network], Address("10.0.0.1"), [Home], static _ => { });
        using ScriptedPeer device = Connect(controller);
        SendRarp(device);
        for (int probe = 0; probe < 3; probe++)
        {
            Assert.Equal((ArpMessage.Request, Home), ReadProbe(device));
        }
    }

    [Fact]
    public void A_node_is_probed_at_each_of_its_announcements_until_it_answers_and_updated_once()
    {
        using var controller = new MatController([Network], Address("10.0.0.1"), [Home], static _ => { });
        using ScriptedPeer device = Connect(controller);
        device.Arrive(Network.RouterPort, new ArpMessage(ArpMessage.Reply, Router, Network.Router, Router, Network.Mobile).ToFrame(MacAddress.Broadcast));
        Eventually.True(() => controller.ReadyNetworks == 1, () => "the router is not known");
        SendRarp(device);
        SendRarp(device);
        Assert.Equal((ArpMessage.Request, Home), ReadProbe(device));
        Assert.Equal((ArpMessage.Request, Home), ReadProbe(device));
        byte[] reply = new ArpMessage(ArpMessage.Reply, Node, Home, Node, default).ToFrame(MacAddress.Broadcast);
        device.Arrive(HostPort, reply);
        device.Confirm(device.Await(OfType.BarrierRequest));
        Eventually.True(() => controller.Updates.Count == 1, () => "no update");
        SendRarp(device);
        device.Arrive(HostPort, reply);
        // Behind them a question that is answered: nothing was said to either.
        device.Arrive(HostPort, new ArpMessage(ArpMessage.Request, Node, Home, default, Address("10.0.0.1")).ToFrame(MacAddress.Broadcast));
        Assert.Equal((ArpMessage.Reply, Home), ReadProbe(device));
        Assert.Single(controller.Updates);
    }

    [Fact]
    public void A_router_that_has_not_answered_is_asked_again()
    {
        using var controller = new MatController([Network], Address("10.0.0.1"), [Home], static _ => { });
        using ScriptedPeer device = Connect(controller);
        controller.AskRouters();
        Assert.True(PacketOutMessage.TryDecode(device.Await(OfType.PacketOut), new FlowAction[8], out PacketOut sent, out _));
        Assert.True(ArpMessage.TryRead(sent.Data, out ArpMessage arp));
        Assert.Equal((ArpMessage.Request, Network.Router), (arp.Operation, arp.Target));
    }

    [Theory]
    [InlineData("together", false, "1 2 3")]
    [InlineData("together", true, "3", "1 2")]
    [InlineData("one-by-one", false, "3", "1", "2")]
    [InlineData("old-first", false, "2", "1 3")]
    [InlineData("new-last", false, "1 2", "3")]
    public void Switches_get_their_flows_in_the_order_asked_for_each_round_when_the_one_before_has_confirmed(
        string order, bool makesBeforeBreak, params string[] rounds)
    {
        using var controller = new MatController(Networks, Address("10.0.0.1"), [Home], static _ => { })
        {
            Order = order,
            MakesBeforeBreak = makesBeforeBreak,
        };
        using var devices = new Devices(controller, Networks);
        devices.Register(at: 2);
        devices.Arrive(at: 3);
        List<int> waiting = [1, 2, 3];
        foreach (string round in rounds)
        {
            int[] members = [.. round.Split(' ').Select(int.Parse)];
            waiting.RemoveAll(members.Contains);
            waiting.ForEach(other => Assert.Empty(devices.ReadFlowMods(other)));
            Assert.All(members, member => Assert.NotEmpty(devices.ReadFlowMods(member)));
            Array.ForEach(members, devices.Confirm);
        }
        Eventually.True(() => controller.Updates.Count == 2, () => "no update");
        Assert.Equal(new ulong[] { 1, 2, 3 }, controller.Updates[1].DoneAt.Keys.Order());
    }

    [Fact]
    public void Without_barriers_an_update_is_over_when_all_is_written()
    {
        using var controller = new MatController(Networks, Address("10.0.0.1"), [Home], static _ => { }) { UsesBarriers = false };
        using var devices = new Devices(controller, Networks);
        devices.Arrive(at: 2);
        Eventually.True(() => controller.Updates.Count == 1, () => "no update");
        Assert.All((int[])[1, 2, 3], one => Assert.NotEmpty(devices.ReadFlowMods(one)));
        Assert.False(devices.SawBarrier);
        Assert.Equal(controller.Updates[0].WrittenAt, controller.Updates[0].LastDoneAt);
    }

    [Theory]
    [InlineData(7, FlowModCommand.Add)]
    [InlineData(0, FlowModCommand.DeleteStrict)]
    public void The_translation_of_the_old_address_stays_for_a_while_or_goes_at_once(int seconds, FlowModCommand command)
    {
        using var controller = new MatController(Networks, Address("10.0.0.1"), [Home], static _ => { }) { GraceSeconds = (ushort)seconds };
        using var devices = new Devices(controller, Networks);
        devices.Register(at: 2);
        devices.Arrive(at: 3);
        SentMod old = Assert.Single(devices.ReadFlowMods(1), mod => mod.Match.NwSrc == Networks[1].Mobile.Host);
        Assert.Equal((command, (ushort)seconds), (old.Command, old.HardSeconds));
    }

    [Theory]
    [InlineData(true, FlowModCommand.DeleteStrict)]
    [InlineData(false, FlowModCommand.Delete)]
    public void Flows_of_the_place_it_left_are_named_or_matched(bool strictly, FlowModCommand command)
    {
        using var controller = new MatController(Networks, Address("10.0.0.1"), [Home], static _ => { }) { DeletesStrictly = strictly };
        using var devices = new Devices(controller, Networks);
        devices.Register(at: 2);
        devices.Arrive(at: 3);
        Assert.Equal([command, command], devices.ReadFlowMods(2).Select(mod => mod.Command).Where(one => one != FlowModCommand.Add));
    }

    [Fact]
    public void A_node_among_correspondents_has_its_flows_and_so_have_they()
    {
        const ushort mobilePort = 3;
        MatNetwork[] networks = [Networks[0] with { MobilePort = mobilePort }, .. Networks[1..]];
        using var controller = new MatController(networks, Address("10.0.0.1"), [Home], static _ => { });
        using var devices = new Devices(controller, networks);
        devices.Arrive(at: 1);
        SentMod[] flows = devices.ReadFlowMods(1);
        Assert.Contains(flows, mod => mod.Match.InPort == mobilePort && mod.Match.NwSrc == Home.Host);
        Assert.Contains(flows, mod => mod.Match.InPort == HostPort && mod.Match.NwDst == Home.Host);
    }

    [Fact]
    public void Correspondents_get_nothing_from_an_address_that_their_switch_does_not_translate_yet()
    {
        using var controller = new MatController(Networks, Address("10.0.0.1"), [Home], static _ => { });
        using ScriptedPeer device = Greet(controller, 1);
        var dropped = new List<uint>();
        while (device.TryRead() is { } message && message[1] != (byte)OfType.PacketOut)
        {
            if (message[1] == (byte)OfType.FlowMod && FlowModMessage.TryDecode(message, new FlowAction[8], out FlowMod mod, out _) && mod.Actions.Length == 0)
            {
                dropped.Add(mod.Match.NwSrc);
            }
        }
        Assert.Equal(Networks.Select(network => network.Mobile.Host), dropped);
    }

    private static ScriptedPeer Connect(MatController controller, ulong id = 1)
    {
        ScriptedPeer device = Greet(controller, id);
        device.Await(OfType.PacketOut); // asks for the router
        return device;
    }

    private static ScriptedPeer Greet(MatController controller, ulong id)
    {
        if (controller.Port == 0)
        {
            controller.Start();
        }
        ScriptedPeer device = PlayedSwitch.Connect(controller.Port, id);
        Eventually.True(() => controller.Find(id) != null, () => "the switch is not there");
        return device;
    }

    private static void SendRarp(ScriptedPeer device) =>
        device.Arrive(HostPort, new ArpMessage(ArpMessage.RequestReverse, Node, default, Node, default).ToFrame(MacAddress.Broadcast, EtherType.Rarp));

    /// <summary>The next ARP message to the node: what it is, and the address it asks for or is sent to.</summary>
    private static (ushort Operation, Be32 Target) ReadProbe(ScriptedPeer device)
    {
        Assert.True(PacketOutMessage.TryDecode(device.Await(OfType.PacketOut), new FlowAction[8], out PacketOut sent, out _));
        Assert.Equal([FlowAction.Output(HostPort)], sent.Actions.ToArray());
        Assert.True(ArpMessage.TryRead(sent.Data, out ArpMessage arp));
        return (arp.Operation, arp.Target);
    }

    /// <summary>Three switches, connected in the order of their numbers, whose routers are known.</summary>
    private sealed class Devices : IDisposable
    {
        private readonly MatController _controller;
        private readonly MatNetwork[] _networks;
        private readonly ScriptedPeer[] _devices;
        private readonly List<SentMod>[] _mods;
        private readonly uint[] _barriers;

        public Devices(MatController controller, params MatNetwork[] networks)
        {
            _controller = controller;
            _networks = networks;
            _devices = [.. networks.Select(network => Connect(controller, network.Switch))];
            _mods = [.. networks.Select(_ => new List<SentMod>())];
            _barriers = new uint[networks.Length];
            foreach ((ScriptedPeer device, MatNetwork network) in _devices.Zip(networks))
            {
                byte[] reply = new ArpMessage(ArpMessage.Reply, Router, network.Router, Router, network.Mobile).ToFrame(MacAddress.Broadcast);
                device.Arrive(network.RouterPort, reply);
            }
            Eventually.True(() => controller.ReadyNetworks == networks.Length, () => "a router is not known");
        }

        public bool SawBarrier => _barriers.Any(xid => xid != 0);

        /// <summary>The node comes to a network and answers the probe; when this returns the controller has begun the update.</summary>
        public void Arrive(int at)
        {
            Say(at, new ArpMessage(ArpMessage.RequestReverse, Node, default, Node, default).ToFrame(MacAddress.Broadcast, EtherType.Rarp));
            _devices[at - 1].Await(OfType.PacketOut);
            Say(at, new ArpMessage(ArpMessage.Reply, Node, Home, Node, default).ToFrame(MacAddress.Broadcast));
            Collect(at);
        }

        /// <summary>As <see cref="Arrive"/>, to the end of the update, where all switches are told at once.</summary>
        public void Register(int at)
        {
            Arrive(at);
            for (int round = 0; round < _devices.Length && _controller.Updates.Count == 0; round++)
            {
                for (int one = 1; one <= _devices.Length; one++)
                {
                    if (ReadFlowMods(one).Length > 0)
                    {
                        Confirm(one);
                    }
                }
            }
            Assert.Single(_controller.Updates);
        }

        /// <summary>What came since it was read last.</summary>
        public SentMod[] ReadFlowMods(int one)
        {
            Collect(one);
            SentMod[] found = [.. _mods[one - 1]];
            _mods[one - 1].Clear();
            return found;
        }

        /// <summary>Answers the barrier; when this returns the controller has taken it.</summary>
        public void Confirm(int one)
        {
            _devices[one - 1].Send(b => BarrierMessage.WriteReply(b, _barriers[one - 1]));
            Collect(one);
        }

        public void Dispose() => Array.ForEach(_devices, device => device.Dispose());

        private void Say(int one, byte[] frame) => _devices[one - 1].Arrive(_networks[one - 1].MobilePort, frame);

        /// <summary>Takes what the controller said up to its answer to a question, behind which all is that the switch said before.</summary>
        private void Collect(int one)
        {
            ScriptedPeer device = _devices[one - 1];
            Say(one, new ArpMessage(ArpMessage.Request, Node, Home, default, Address("10.0.0.1")).ToFrame(MacAddress.Broadcast));
            while (device.TryRead() is { } message && !IsAnswer(message))
            {
                if (message[1] == (byte)OfType.BarrierRequest)
                {
                    _barriers[one - 1] = ScriptedPeer.XidOf(message);
                }
                else if (message[1] == (byte)OfType.FlowMod)
                {
                    _mods[one - 1].Add(SentMod.Of(message));
                }
            }
        }

        /// <summary>And no probe, of which there may be more than one.</summary>
        private static bool IsAnswer(byte[] message) =>
            message[1] == (byte)OfType.PacketOut && PacketOutMessage.TryDecode(message, new FlowAction[8], out PacketOut sent, out _)
            && ArpMessage.TryRead(sent.Data, out ArpMessage arp) && arp.Operation == ArpMessage.Reply;
    }
}
