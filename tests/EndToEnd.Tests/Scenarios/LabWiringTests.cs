using Softswitch.Datapath.Headers;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Controllers;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Specs;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Scenarios;

/// <summary>A host moves between two switches whose ports are of each kind, and talks to another behind a third cable.</summary>
public sealed class LabWiringTests
{
    private const ushort Port = 5000;
    private const long Rate = 20_000_000;

    [Theory]
    [InlineData("packet")]
    [InlineData("xdp")]
    [InlineData("tap")]
    [InlineData("card")]
    public void A_host_that_moves_between_ports_of_any_kind_pings_and_has_TCP(string ports)
    {
        Needs.Namespaces();
        LabWiring wiring = WiringOf(ports);
        using var lab = new Testbed(static _ => { }) { Wiring = wiring };
        (LabHost still, LabHost mobile, LabSwitch[] switches) = Build(lab);
        Assert.All(switches, device => Assert.Equal(wiring.UsesCards, device.IsOnCard));
        for (int place = 0; place < 2; place++)
        {
            if (place > 0)
            {
                mobile.Prepare(place);
                mobile.MoveTo(place);
            }
            mobile.Announce();
            using WireTap atHost = WireTap.Open(mobile, place, path: null);
            using WireTap atSwitch = WireTap.Open(switches[place], LabSwitch.InterfaceOf(2), path: null);
            // Not all IPv4: the end of the last place's TCP connection may come behind the host.
            FrameCount[] requests = [CountRequests(atHost, isOutgoing: false), CountRequests(atSwitch, isOutgoing: true)];
            FrameCount[] replies = [CountReplies(atHost, isOutgoing: true), CountReplies(atSwitch, isOutgoing: false)];
            using PingStream pings = PingStream.Start(still, mobile, perSecond: 100);
            Eventually.True(() => pings.Record.Received >= 10, () => $"{pings.Record.Received} answers at place {place}");
            StreamSummary summary = pings.Stop();
            atHost.Drain();
            atSwitch.Drain();
            Assert.All(requests.Concat(replies), count => Assert.InRange(count.Total, summary.Received, summary.Sent));

            // From where segments and unfinished checksums come.
            using TcpStream tcp = TcpStream.Start(still, mobile, (ushort)(Port + place), bytesPerSecond: 4e6);
            Eventually.True(() => tcp.Arrived > 1 << 20, () => $"{tcp.Arrived} bytes of TCP at place {place}");
            TcpSummary connection = tcp.Stop();
            Assert.Equal((0L, null), (connection.WrongBytes, connection.Failure));
        }
    }

    [Theory]
    [InlineData("packet")]
    [InlineData("xdp")]
    [InlineData("tap")]
    [InlineData("card")]
    public void A_cable_carries_no_more_than_its_rate_each_way(string ports)
    {
        Needs.Namespaces();
        LabWiring wiring = WiringOf(ports) with { Rate = Rate };
        using var lab = new Testbed(static _ => { }) { Wiring = wiring };
        (LabHost still, LabHost mobile, _) = Build(lab);
        mobile.Announce();
        foreach ((LabHost from, LabHost to) in new[] { (still, mobile), (mobile, still) })
        {
            long began = KernelClock.Nanoseconds;
            using TcpStream tcp = TcpStream.Start(from, to, Port, bytesPerSecond: 10 * Rate / 8);
            Eventually.True(() => tcp.Arrived > Rate / 8 / 2, () => "half a second's TCP does not arrive");
            double found = 8e9 * tcp.Arrived / (KernelClock.Nanoseconds - began);
            Assert.True(found <= 1.1 * Rate, $"{found} bit/s"); // two ends send some milliseconds' worth at once
        }
    }

    [Theory]
    [InlineData("packet")]
    [InlineData("xdp")]
    [InlineData("tap")]
    public void Taps_at_ports_of_any_kind_tell_a_frames_tag(string ports)
    {
        Needs.Namespaces();
        using var lab = new Testbed(static _ => { }) { Wiring = WiringOf(ports) };
        (LabHost still, _, LabSwitch[] switches) = Build(lab);
        using WireTap tap = WireTap.Open(switches[0], LabSwitch.InterfaceOf(2), path: null);
        FrameCount count = tap.Count("of VLAN 5", (in frame) => frame.IsOutgoing && frame.VlanTag == 5 && frame.Type == EtherType.Arp);
        var arp = new ArpMessage(ArpMessage.Request, still.HardwareAddress, still.Address, default, still.Address);
        byte[] plain = arp.ToFrame(MacAddress.Broadcast);
        Eventually.True(
            () =>
            {
                still.SendFrame([.. plain[..12], 0x81, 0, 0, 5, .. plain[12..]]); // again: the switch may have no entry yet
                return count.Total > 0;
            },
            "a frame of VLAN 5");
    }

    [Fact]
    public void A_lab_none_of_whose_switches_can_be_a_card_says_why()
    {
        Needs.Namespaces();
        using var lab = new Testbed(static _ => { }) { Wiring = new LabWiring { UsesCards = true } };
        LabSwitch device = lab.Add(new LabSwitch("switch", 1), 1, 0);
        lab.Connect(lab.Add(LabHost.Numbered(1), 0, 0), device, 5);
        lab.Start(device, StartController(lab));
        Assert.Equal("no switch here can be a card: switch: port 5: a card has 4", lab.FindFailure());
    }

    private static LabWiring WiringOf(string ports) => new()
    {
        Backend = ports switch
        {
            "xdp" => PortKind.Xdp,
            "tap" => PortKind.Tap,
            _ => PortKind.Packet,
        },
        UsesCards = ports == "card",
    };

    /// <summary>A still host at the first of two switches, and one that may be at either.</summary>
    private static (LabHost Still, LabHost Mobile, LabSwitch[] Switches) Build(Testbed lab)
    {
        LabSwitch[] switches = [lab.Add(new LabSwitch("s1", 1), 1, 0), lab.Add(new LabSwitch("s2", 2), 2, 0)];
        LabHost still = lab.Add(LabHost.Numbered(1), 0, 0);
        LabHost mobile = lab.Add(LabHost.Numbered(2), 3, 0);
        lab.Connect(still, switches[0], 1);
        lab.Connect(switches[0], 3, switches[1], 3);
        Array.ForEach(switches, device => lab.Connect(mobile, device, 2));
        FloodingController controller = StartController(lab);
        Array.ForEach(switches, device => lab.Start(device, controller));
        Eventually.True(() => controller.Switches.Count == switches.Length, () => "the switches do not connect");
        Assert.Null(lab.FindFailure());
        return (still, mobile, switches);
    }

    private static FloodingController StartController(Testbed lab) => lab.AddController(new FloodingController());

    private static FrameCount CountRequests(WireTap tap, bool isOutgoing) =>
        tap.Count("requests", (in frame) => frame.IsOutgoing == isOutgoing && frame.IsEchoRequest);

    private static FrameCount CountReplies(WireTap tap, bool isOutgoing) =>
        tap.Count("replies", (in frame) => frame.IsOutgoing == isOutgoing && frame.IsEchoReply);

    private sealed class FloodingController() : OfController(new ControllerOptions { Name = "floods" })
    {
        protected override void OnConnected(SwitchConnection from) => from.Send("actions=flood");
    }
}
