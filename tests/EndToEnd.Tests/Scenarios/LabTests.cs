using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Headers;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Measures;
using Softswitch.Testing;
using static Softswitch.Lab.AddressLiterals;
using UdpStream = Softswitch.Lab.Measures.UdpStream;

namespace Softswitch.EndToEnd.Tests.Scenarios;

/// <summary>A lab's hosts and routers, and what is measured between them, without a switch.</summary>
public sealed class LabTests
{
    private const ushort Port = 5000;
    private static readonly MacAddress NearLeg = Mac("02:00:00:00:01:01");
    private static readonly MacAddress FarLeg = Mac("02:00:00:00:01:02");

    [Fact]
    public void A_router_of_the_kernels_carries_streams_that_arrive_whole()
    {
        Needs.Namespaces();
        using var lab = new Testbed(static _ => { });
        (LabHost near, LabHost far) = Build(lab);
        using UdpStream udp = UdpStream.Start(near, far, Port, perSecond: 1000, mostUnderWay: 256);
        using TcpStream tcp = TcpStream.Start(near, far, Port, bytesPerSecond: 1e6);
        Eventually.True(() => udp.Record.Received >= 50, () => $"{udp.Record.Received} of {udp.Record.Sent} arrived");
        StreamSummary summary = udp.Stop();
        TcpSummary connection = tcp.Stop();
        Assert.Equal((0, 0), (summary.Lost, summary.Duplicates));
        Assert.True(connection.Bytes > 0);
        Assert.Equal((0L, null), (connection.WrongBytes, connection.Failure));
    }

    [Fact]
    public void Pings_to_nobody_are_all_lost()
    {
        Needs.Namespaces();
        using var lab = new Testbed(static _ => { });
        (LabHost near, LabHost far) = Build(lab);
        far.Links.SetUp(far.CurrentInterface, up: false);
        using PingStream pings = PingStream.Start(near, far, perSecond: 200);
        Eventually.True(() => pings.Record.Sent >= 20, () => $"{pings.Record.Sent} sent");
        StreamSummary summary = pings.Stop();
        Assert.Equal((0, summary.Sent), (summary.Received, summary.LongestLoss));
    }

    [Fact]
    public void A_tap_counts_what_passes_by_what_it_is_and_tells_the_directions_apart()
    {
        Needs.Namespaces();
        using var lab = new Testbed(static _ => { });
        (LabHost near, LabHost far) = Build(lab);
        using WireTap tap = WireTap.Open(far, far.CurrentInterface, path: null);
        FrameCount arriving = tap.Count("to the port", (in frame) => !frame.IsOutgoing && frame.DestinationPort == Port && frame.HasRightHeaderChecksum);
        FrameCount leaving = tap.Count("from it", (in frame) => frame.IsOutgoing && frame.NetworkDestination == near.Address);
        FrameCount other = tap.Count("to another port", (in frame) => frame.DestinationPort == Port + 1);
        using Socket receiver = far.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        receiver.Bind(new IPEndPoint(IPAddress.Any, Port));
        receiver.ReceiveTimeout = (int)SwitchProgram.Patience.TotalMilliseconds;
        using Socket sender = near.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        EndPoint peer = new IPEndPoint(IPAddress.Any, 0);
        byte[] buffer = new byte[100];
        for (int i = 0; i < 7; i++)
        {
            sender.SendTo(new byte[20], new IPEndPoint(far.IPAddress, Port));
            receiver.ReceiveFrom(buffer, ref peer);
        }
        receiver.SendTo(new byte[20], peer);
        Eventually.True(() => leaving.Total > 0, "the answer leaves"); // when the neighbour is known
        tap.Drain();
        Assert.Equal((7, 1, 0), (arriving.Total, leaving.Total, other.Total));
        Assert.Equal((7, 0), (arriving.After(0), arriving.After(long.MaxValue)));
    }

    [Fact]
    public void A_cable_that_was_prepared_loses_no_frame_of_either_end()
    {
        Needs.Namespaces();
        using var lab = new Testbed(static _ => { });
        LabHost host = lab.Add(new LabHost("host", Mac("02:00:00:00:00:01"), Prefix("10.1.0.1/24")), 0, 0);
        LabHost[] places = [lab.Add(new LabHost("here", Mac("02:00:00:00:00:02"), Prefix("10.1.0.2/24")), 1, 0), lab.Add(new LabHost("there", Mac("02:00:00:00:00:03"), Prefix("10.1.0.3/24")), 2, 0)];
        foreach (LabHost place in places)
        {
            string end = place.NextInterface;
            host.Connect(place.Network, end);
            place.Accept(host.Network, $"eth{host.Cables - 1}");
        }
        byte[] frame = new ArpMessage(ArpMessage.Request, host.HardwareAddress, default, default, default).ToFrame(MacAddress.Broadcast);
        for (int round = 0; round < 20; round++)
        {
            int cable = 1 - host.Current;
            LabHost place = places[cable];
            using WireTap arriving = WireTap.Open(host, $"eth{cable}", path: null);
            FrameCount count = arriving.Count("from the place", (in frame) => !frame.IsOutgoing);
            host.Prepare(cable);
            place.SendFrame(frame);
            Eventually.True(() => count.Total > 0, () => $"the frame of round {round} arrives");
            arriving.Drain();
            Assert.Equal((round, 1), (round, count.Total));
            host.MoveTo(cable);
        }
    }

    [Fact]
    public void A_host_that_forgets_its_neighbours_asks_them_again()
    {
        Needs.Namespaces();
        using var lab = new Testbed(static _ => { });
        (LabHost near, LabHost far) = Build(lab);
        for (int round = 0; round < 2; round++)
        {
            using PingStream pings = PingStream.Start(near, far, perSecond: 100);
            Eventually.True(() => pings.Record.Received > 0, () => $"no answer in round {round}");
            pings.Stop();
            Assert.Equal(NearLeg, near.FindNeighbour(Address("10.1.0.254")));
            near.ForgetNeighbours();
            Assert.Null(near.FindNeighbour(Address("10.1.0.254")));
        }
    }

    [Fact]
    public void Routers_pass_on_what_is_for_the_others_networks()
    {
        Needs.Namespaces();
        using var lab = new Testbed(static _ => { });
        LabRouter here = lab.Add(new LabRouter("here"), 1, 0);
        LabRouter there = lab.Add(new LabRouter("there"), 2, 0);
        LabHost near = lab.Add(new LabHost("near", Mac("02:00:00:00:00:01"), Prefix("10.1.0.1/24"), Address("10.1.0.254")), 0, 0);
        LabHost far = lab.Add(new LabHost("far", Mac("02:00:00:00:00:02"), Prefix("10.2.0.1/24"), Address("10.2.0.254")), 3, 0);
        lab.Connect(here, NearLeg, Prefix("10.1.0.254/24"), near);
        lab.Connect(there, FarLeg, Prefix("10.2.0.254/24"), far);
        lab.Connect(here, Mac("02:00:00:00:03:01"), Prefix("10.3.0.1/24"), there, Mac("02:00:00:00:03:02"), Prefix("10.3.0.2/24"));
        here.Links.AddRoute(Address("10.2.0.0"), 24, Address("10.3.0.2"));
        there.Links.AddRoute(Address("10.1.0.0"), 24, Address("10.3.0.1"));
        using PingStream pings = PingStream.Start(near, far, perSecond: 100);
        Eventually.True(() => pings.Record.Received > 0, () => "no answer");
    }

    private static (LabHost Near, LabHost Far) Build(Testbed lab)
    {
        LabRouter router = lab.Add(new LabRouter("router"), 1, 0);
        LabHost near = lab.Add(new LabHost("near", Mac("02:00:00:00:00:01"), Prefix("10.1.0.1/24"), Address("10.1.0.254")), 0, 0);
        LabHost far = lab.Add(new LabHost("far", Mac("02:00:00:00:00:02"), Prefix("10.2.0.1/24"), Address("10.2.0.254")), 2, 0);
        lab.Connect(router, NearLeg, Prefix("10.1.0.254/24"), near);
        lab.Connect(router, FarLeg, Prefix("10.2.0.254/24"), far);
        return (near, far);
    }
}
