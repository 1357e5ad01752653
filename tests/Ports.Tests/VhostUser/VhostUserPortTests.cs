using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;
using static Softswitch.Ports.VhostUser.VhostUserRequest;

namespace Softswitch.Ports.Tests.VhostUser;

public sealed class VhostUserPortTests : IDisposable
{
    private const ulong Features = VirtioFeatures.VIRTIO_F_VERSION_1 | VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF | VirtioFeatures.VHOST_USER_F_PROTOCOL_FEATURES;

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-test-").FullName;
    private readonly GuestRam _memory = new((0x1000_0000, 16 << 20));
    private readonly FramePool _pool = new(1024);
    private readonly FrameCache _frames;
    private readonly List<string?> _news = [];

    public VhostUserPortTests() => _frames = _pool.CreateCache();

    private string Socket => Path.Combine(_folder, "guest");

    public void Dispose()
    {
        _frames.Drain();
        _pool.Dispose();
        _memory.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_client_waits_for_its_front_end_and_the_link_says_when_packets_pass()
    {
        using VhostUserPort port = Open(isServer: false, queues: 2);
        Assert.Equal($"vhost-user: client of {Socket}, 2 queues", port.Backend);
        Assert.Equal("guest", port.Name);
        Assert.False(port.ReadLink().Up);
        Assert.Null(port.Fault);
        using UnixListener listener = UnixListener.Open(Socket);
        using VhostFrontEnd guest = VhostFrontEnd.Accept(listener, _memory);
        GuestNic nic = Start(guest, port);
        guest.Send(VHOST_USER_NET_SET_MTU, 1400ul);
        Eventually.True(() => port.ReadLink().Mtu == 1400, "the MTU is the guest's");
        Assert.Contains("connected: 1 of 2 queues, virtio 1, mergeable buffers", News());
        AssertPassesBothWays(port, nic);
        guest.Dispose();
        Eventually.True(() => !port.ReadLink().Up, "the link is down");
        Eventually.True(() => News().Contains("disconnected: the front-end hung up"), "it is said");
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void A_front_end_or_a_switch_that_comes_again_goes_on_where_the_rings_are(bool isServer, bool isSwitch)
    {
        using VhostUserPort? kept = isSwitch ? null : Open(isServer);
        using UnixListener? listener = isServer ? null : UnixListener.Open(Socket);
        GuestNic? nic = null;
        for (int i = 0; i < 3; i++)
        {
            using VhostUserPort? opened = isSwitch ? Open(isServer) : null;
            VhostUserPort port = kept ?? opened!;
            using VhostFrontEnd guest = Meet(listener);
            nic = Start(guest, port, nic);
            AssertPassesBothWays(port, nic);
            AssertPassesBothWays(port, nic);
            guest.Dispose();
            Eventually.True(() => !port.ReadLink().Up, "the link is down");
        }
    }

    [Fact]
    public void A_second_front_end_waits_until_the_first_is_gone()
    {
        using VhostUserPort port = Open(isServer: true);
        using VhostFrontEnd first = VhostFrontEnd.Connect(Socket, _memory);
        Assert.Equal(1ul, first.Ask<ulong>(VHOST_USER_GET_QUEUE_NUM));
        using VhostFrontEnd second = VhostFrontEnd.Connect(Socket, _memory);
        second.Send(VHOST_USER_GET_QUEUE_NUM);
        Assert.Equal(1ul, first.Ask<ulong>(VHOST_USER_GET_QUEUE_NUM));
        first.Dispose();
        Assert.Equal(1ul, second.Receive<ulong>(VHOST_USER_GET_QUEUE_NUM));
    }

    [Fact]
    public void A_front_end_that_lies_is_hung_up_on_and_the_fault_says_why_until_one_does_better()
    {
        using VhostUserPort port = Open(isServer: true);
        using (VhostFrontEnd liar = VhostFrontEnd.Connect(Socket, _memory))
        {
            liar.Send(VHOST_USER_SET_VRING_NUM, new RingStateMessage(7, 256));
            Eventually.True(liar.IsHungUp, "the port hangs up");
        }
        Assert.Equal("VHOST_USER_SET_VRING_NUM: there is no ring 7; the port has 2", port.Fault);
        using VhostFrontEnd guest = VhostFrontEnd.Connect(Socket, _memory);
        Start(guest, port);
        Assert.Null(port.Fault);
    }

    [Fact]
    public void A_ring_that_lies_ends_the_session()
    {
        using VhostUserPort port = Open(isServer: true);
        using VhostFrontEnd guest = VhostFrontEnd.Connect(Socket, _memory);
        GuestNic nic = Start(guest, port);
        nic.Sending.AvailableIndex += 1000;
        Assert.Empty(port.Queues[0].ReceiveOnce(_frames));
        Eventually.True(guest.IsHungUp, "the port hangs up");
        Assert.Equal("ring 1: the available index is further ahead than the ring is long", port.Fault);
        Assert.False(port.ReadLink().Up);
    }

    [Fact]
    public void Half_a_message_holds_up_nobody()
    {
        using VhostUserPort port = Open(isServer: true);
        using VhostFrontEnd silent = VhostFrontEnd.Connect(Socket, _memory);
        silent.SendRaw([1, 0, 0]);
        port.Dispose(); // returns
        Assert.False(File.Exists(Socket));
    }

    [Fact]
    public void A_guest_that_cannot_announce_itself_is_announced()
    {
        using VhostUserPort port = Open(isServer: true);
        using VhostFrontEnd guest = VhostFrontEnd.Connect(Socket, _memory);
        Start(guest, port);
        guest.SendRaw(VhostFrontEnd.Bytes(VHOST_USER_SEND_RARP, [0x52, 0x54, 0, 1, 2, 3, 0, 0]));
        byte[] frame = Receive(port);
        Assert.Equal(60, frame.Length);
        Assert.True(ArpMessage.TryRead(frame, out ArpMessage rarp));
        MacAddress address = new(0x5254_0001_0203);
        Assert.Equal(new ArpMessage(ArpMessage.RequestReverse, address, default, address, default), rarp);
        Assert.Equal(rarp.ToFrame(MacAddress.Broadcast, EtherType.Rarp), frame[..ArpMessage.FrameLength]);
    }

    [Fact]
    public void A_socket_that_nobody_listens_at_gives_way_and_no_other_file()
    {
        using (UnixListener left = UnixListener.Open(Socket))
        {
            Assert.Equal($"p: bind({Socket}): another program listens there", Refusal(Socket, isServer: true));
            left.Leave();
        }
        Assert.True(File.Exists(Socket));
        using (Open(isServer: true))
        {
            VhostFrontEnd.Connect(Socket, _memory).Dispose();
        }
        Assert.False(File.Exists(Socket));
        File.WriteAllText(Socket, "mine");
        Assert.Equal($"p: bind({Socket}): the file exists and is no socket", Refusal(Socket, isServer: true));
        Assert.Equal($"p: connect({Socket}): Connection refused", Refusal(Socket, isServer: false));
        Assert.Equal("mine", File.ReadAllText(Socket));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_path_that_cannot_be_is_one_clear_line(bool isServer)
    {
        string missing = Path.Combine(_folder, "missing");
        Assert.Equal($"p: there is no folder {missing}", Refusal(Path.Combine(missing, "guest"), isServer));
        string endless = Path.Combine(_folder, new string('x', 120));
        Assert.Equal($"p: {endless}: the path is longer than the kernel takes for a socket (107 bytes)", Refusal(endless, isServer));
    }

    private static string Refusal(string path, bool isServer) =>
        Assert.Throws<PortException>(() => VhostUserPort.Open("p", path, isServer, 1)).Message;

    private VhostUserPort Open(bool isServer, int queues = 1)
    {
        VhostUserPort port = VhostUserPort.Open("p", Socket, isServer, queues);
        port.Changed += news =>
        {
            lock (_news)
            {
                _news.Add(news);
            }
        };
        return port;
    }

    private VhostFrontEnd Meet(UnixListener? listener) =>
        listener == null ? VhostFrontEnd.Connect(Socket, _memory) : VhostFrontEnd.Accept(listener, _memory);

    /// <summary>Starts a guest, and waits until the port's link is up.</summary>
    /// <param name="nic">A guest's that is there already; null for a new one.</param>
    private GuestNic Start(VhostFrontEnd guest, VhostUserPort port, GuestNic? nic = null)
    {
        guest.Negotiate(Features);
        guest.ShareMemory();
        nic ??= new GuestNic(_memory, 64, Features);
        guest.Start(nic);
        nic.Fill();
        Eventually.Up(port);
        return nic;
    }

    private string[] News()
    {
        lock (_news)
        {
            return [.. _news.OfType<string>()];
        }
    }

    private byte[] Receive(VhostUserPort port) => Assert.Single(port.Receive(_frames, 1));

    private void AssertPassesBothWays(VhostUserPort port, GuestNic nic)
    {
        byte[] packet = TestPacket.Udp(src: 0x0a000001, dst: 0x0a000002);
        Assert.True(nic.TrySend(packet));
        Assert.Equal(packet, Receive(port));
        Assert.Equal(1, port.Send(_frames, packet));
        byte[]? received = null;
        Eventually.True(() => (received = nic.Receive(out _)) != null, "the guest receives it");
        Assert.Equal(packet, received);
    }
}
