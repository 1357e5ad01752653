using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Fragments;

/// <summary>Two hosts that send more than fits a frame, through a switch on real interfaces, in each mode of OFPC_FRAG_*.</summary>
public sealed class FragmentsThroughTheSwitchTests
{
    private const int UdpPort = 5000;
    private const int UdpBytes = 4000;

    [Theory]
    [InlineData(FragmentHandling.Normal, true)]
    [InlineData(FragmentHandling.Drop, false)]
    [InlineData(FragmentHandling.Reassemble, true)]
    internal void A_long_ping_passes_or_is_lost_and_a_short_one_always_passes(FragmentHandling handling, bool passes)
    {
        Needs.Namespaces();
        using Network network = new(handling);
        Assert.Equal(0, network.Ping(bytes: 56).ExitCode);
        CommandResult result = network.Ping(bytes: UdpBytes);
        Assert.True(passes == (result.ExitCode == 0), result.Output);
        Assert.Equal(passes, network.Ping(bytes: 20_000).ExitCode == 0);
    }

    [Theory]
    [InlineData(FragmentHandling.Normal, 0)]
    [InlineData(FragmentHandling.Reassemble, 1)]
    internal void A_match_on_the_udp_port_meets_the_whole_datagram_only_if_it_is_reassembled(FragmentHandling handling, int packets)
    {
        Needs.Namespaces();
        using Network network = new(handling);
        Assert.Equal(0, network.Ping(bytes: 56).ExitCode); // addresses are resolved, so nothing waits for ARP
        byte[] sent = new byte[UdpBytes];
        new Random(5).NextBytes(sent);
        Assert.Equal(sent, network.SendUdp(sent));

        AggregateStatistics matched = network.ReadUdpEntry();
        Assert.Equal((ulong)packets, matched.PacketCount);
        Assert.Equal((ulong)(packets * (14 + 20 + 8 + UdpBytes)), matched.ByteCount);
    }

    /// <summary>left (10.0.0.1) - port 1 - switch - port 2 - right (10.0.0.2); NORMAL for all, and an entry for UDP to <see cref="UdpPort"/>.</summary>
    private sealed class Network : IDisposable
    {
        private readonly LabHost _left = LabHost.Numbered(1);
        private readonly LabHost _right = LabHost.Numbered(2);
        private readonly LabNode _switch = new("switch");
        private readonly WorkerThreads _workers = new(1, () => new EpollWaiter());
        private readonly DatapathControl _control = new(new DatapathOptions { MaxExactEntries = 16, MaxWildcardEntries = 16 });

        public Network(FragmentHandling handling)
        {
            _left.Connect(_switch.Network, "left");
            _right.Connect(_switch.Network, "right");
            Open(1, "left");
            Open(2, "right");
            Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Normal));
            Add(Udp, 2, FlowAction.Output(2));
            _control.FragmentHandling = handling;
            _workers.Add(_control.Workers, (_, _) => { });
        }

        private static FlowMatch Udp
        {
            get
            {
                FlowMatch match = FlowMatch.Any;
                match.Wildcards &= ~(FlowWildcards.DlType | FlowWildcards.NwProto | FlowWildcards.TpDst);
                (match.DlType, match.NwProto, match.TpDst) = (0x0800, 17, UdpPort);
                return match;
            }
        }

        public CommandResult Ping(int bytes) => _left.Execute("ping", "-c", "2", "-i", "0.05", "-W", "1", "-s", $"{bytes}", "10.0.0.2");

        /// <summary>Sends one datagram from left to right and returns what arrives.</summary>
        public byte[] SendUdp(byte[] datagram)
        {
            using Socket receiver = _right.Run(() =>
            {
                Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 10_000 };
                socket.Bind(new IPEndPoint(IPAddress.Any, UdpPort));
                return socket;
            });
            using Socket sender = _left.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
            sender.SendTo(datagram, new IPEndPoint(_right.IPAddress, UdpPort));
            byte[] buffer = new byte[65536];
            return buffer[..receiver.Receive(buffer)];
        }

        public AggregateStatistics ReadUdpEntry()
        {
            using (_control.Enter())
            {
                _control.Barrier(); // the pass that counted has ended
                return _control.Aggregate(new FlowFilter(Udp));
            }
        }

        public void Dispose()
        {
            _workers.Dispose();
            _control.Dispose();
            _left.Dispose();
            _right.Dispose();
            _switch.Dispose();
        }

        private void Open(ushort number, string name)
        {
            Assert.True(PortSpec.TryParse(name, out PortSpec? spec, out string? error), error);
            Assert.Equal(ControlError.None, _control.AddPort(number, _switch.Run(() => PortFactory.Open(spec!, _control.Frames))));
        }

        private void Add(FlowMatch match, ushort priority, FlowAction action) =>
            Assert.Equal(ControlError.None, _control.Apply(new FlowMod { Match = match, Priority = priority, Actions = new[] { action } }));
    }
}
