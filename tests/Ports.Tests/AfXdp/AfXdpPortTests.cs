using System.Diagnostics;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

public sealed class AfXdpPortTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    private readonly LabNode _space;
    private readonly FramePool _pool = new(1024, largeFrameCount: 16);
    private readonly FrameCache _frames;

    public AfXdpPortTests()
    {
        Needs.Xdp();
        _space = new LabNode("xdp");
        _frames = _pool.CreateCache();
        VethCable.Lay(_space.Network, "near", _space.Network, "far");
        _space.AwaitUp("near"); // before, what it sends is lost
    }

    public void Dispose()
    {
        _space?.Dispose();
        _pool.Dispose();
    }

    private AfXdpPort Open(string name = "near", AfXdpOptions? options = null) =>
        _space.Run(() => AfXdpPort.Open($"port '{name}'", name, _pool, options ?? new AfXdpOptions(128, 128)));

    private RawSocket OpenRaw(string name = "far") => _space.Run(() => new RawSocket(name));

    private string Show(string name = "near") => _space.Execute("ip", "-d", "link", "show", name).Checked().Output;

    private static byte[] Frame(int length, string head = "02000000000b02000000000a88b5")
    {
        byte[] frame = new byte[length];
        new Random(length).NextBytes(frame);
        Convert.FromHexString(head).CopyTo(frame, 0);
        return frame;
    }

    private Packet ReceivePacket(AfXdpPort port)
    {
        var batch = new PacketBatch();
        long start = Stopwatch.GetTimestamp();
        while (port.Queues[0].Receive(batch, _frames) == 0)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Bound, "nothing came");
        }
        return Assert.Single(batch.Packets.ToArray());
    }

    private byte[] ReceiveOne(AfXdpPort port)
    {
        Packet packet = ReceivePacket(port);
        byte[] bytes = packet.Bytes.ToArray();
        _frames.Release(packet);
        return bytes;
    }

    private int Send(AfXdpPort port, params byte[][] frames)
    {
        Packet[] packets = new Packet[frames.Length];
        for (int i = 0; i < frames.Length; i++)
        {
            Assert.True(_frames.TryRent(frames[i].Length, out packets[i]));
            packets[i].Length = frames[i].Length;
            frames[i].CopyTo(packets[i].Bytes);
        }
        int taken = port.Queues[0].Transmit(packets, _frames);
        _frames.Release(packets.AsSpan(taken));
        return taken;
    }

    private static byte[] Expect(RawSocket socket)
    {
        long start = Stopwatch.GetTimestamp();
        byte[]? frame;
        while ((frame = socket.Receive()) is null)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Bound, "nothing came out");
        }
        return frame;
    }

    private void AssertEveryFrameIsBack()
    {
        _frames.Drain();
        Assert.Equal(_pool.FrameCount, _pool.FreeCount);
        Assert.Equal(_pool.LargeFrameCount, _pool.FreeLargeCount);
    }

    [Theory]
    [InlineData("02000000000b02000000000a8100a007", 60)]
    [InlineData("02000000000b02000000000a8100a007", 1518)]
    [InlineData("02000000000b02000000000a88a80009", 64)]
    [InlineData("02000000000b02000000000a88a8000981000007", 1514)]
    public void Tagged_frames_of_every_length_pass_both_ways(string head, int length)
    {
        // The far end is AF_PACKET's port: it puts back the tags that the kernel takes out for a plain socket.
        using AfXdpPort near = Open();
        using AfPacketPort far = _space.Run(() => AfPacketPort.Open("far", "far"));
        byte[] frame = Frame(length, head);
        Assert.Equal(1, Send(near, frame));
        var batch = new PacketBatch();
        long start = Stopwatch.GetTimestamp();
        while (far.Queues[0].Receive(batch, _frames) == 0)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Bound, "nothing came");
        }
        Assert.Equal(frame, batch.Packets[0].Bytes.ToArray());
        Assert.Equal(1, far.Queues[0].Transmit(batch.Packets, _frames));
        Assert.Equal(frame, ReceiveOne(near));
    }

    [Fact]
    public void What_cannot_be_sent_is_counted_and_what_follows_is_sent()
    {
        using AfXdpPort near = Open();
        using RawSocket raw = OpenRaw();
        // Too short for an Ethernet header; too long for the MTU, in a frame and in a large one.
        Assert.Equal(6, Send(near, Frame(60), new byte[13], Frame(1515), Frame(3000), Frame(61), Frame(1514)));
        Assert.Equal(Frame(60), Expect(raw));
        Assert.Equal(Frame(61), Expect(raw));
        Assert.Equal(Frame(1514), Expect(raw));
        Assert.Null(raw.Receive());
        Assert.Equal(3, near.ReadCounters().TransmitErrors);
    }

    [Fact]
    public void A_short_packet_in_a_large_frame_is_sent_like_any_other()
    {
        using (AfXdpPort near = Open())
        {
            using RawSocket raw = OpenRaw();
            Assert.True(_frames.TryRentLarge(out Packet packet));
            packet.Length = 200;
            Frame(200).CopyTo(packet.Bytes);
            Assert.Equal(1, near.Queues[0].Transmit(new ReadOnlySpan<Packet>(in packet), _frames));
            Assert.Equal(Frame(200), Expect(raw));
        }
        AssertEveryFrameIsBack();
    }

    [Fact]
    public unsafe void Two_ports_share_the_umem_and_a_frame_goes_through_both_as_it_is()
    {
        VethCable.Lay(_space.Network, "out", _space.Network, "beyond");
        using (AfXdpPort near = Open())
        using (AfXdpPort outward = Open("out"))
        {
            Assert.Contains("own umem", near.Backend, StringComparison.Ordinal);
            Assert.Contains("shared umem", outward.Backend, StringComparison.Ordinal);
            using RawSocket far = OpenRaw();
            using RawSocket beyond = OpenRaw("beyond");
            far.Send(Frame(100));
            Packet packet = ReceivePacket(near);
            nint at = (nint)packet.Data;
            Assert.Equal((nint)_pool.Region + FramePool.DataOffset, at - ((at - (nint)_pool.Region) / _pool.FrameSize * _pool.FrameSize));
            packet.Bytes[20] = 0x5a; // what the switch writes into the frame is what leaves
            int held = outward.HeldFrames;
            Assert.Equal(1, outward.Queues[0].Transmit(new ReadOnlySpan<Packet>(in packet), _frames));
            Assert.Equal(held + 1, outward.HeldFrames);
            byte[] expected = Frame(100);
            expected[20] = 0x5a;
            Assert.Equal(expected, Expect(beyond));
            // The completion brings back that very frame: last in, first out of the cache.
            long start = Stopwatch.GetTimestamp();
            while (outward.HeldFrames > held)
            {
                outward.Queues[0].Receive(new PacketBatch(), _frames);
                Assert.True(Stopwatch.GetElapsedTime(start) < Bound, "no completion");
            }
            Assert.True(_frames.TryRent(out Packet again));
            Assert.Equal((nint)_pool.FrameStart((byte*)at), (nint)_pool.FrameStart(again.Data));
            _frames.Release(again);
        }
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void Whoever_closes_first_takes_the_umem_from_nobody()
    {
        VethCable.Lay(_space.Network, "out", _space.Network, "beyond");
        AfXdpPort first = Open();
        using (AfXdpPort second = Open("out"))
        {
            first.Dispose();
            using RawSocket far = OpenRaw();
            using RawSocket beyond = OpenRaw("beyond");
            beyond.Send(Frame(100));
            Assert.Equal(Frame(100), ReceiveOne(second));
            using AfXdpPort third = Open();
            Assert.Contains("shared umem", third.Backend, StringComparison.Ordinal);
            far.Send(Frame(101));
            Assert.Equal(Frame(101), ReceiveOne(third));
        }
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void A_ring_that_is_full_loses_frames_and_counts_them()
    {
        using AfXdpPort near = Open(options: new AfXdpOptions(ReceiveSlots: 64));
        using RawSocket raw = OpenRaw();
        for (int i = 0; i < 100; i++)
        {
            raw.Send(Frame(60 + i));
        }
        long start = Stopwatch.GetTimestamp();
        while (near.ReadCounters().ReceiveDropped < 36)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Bound, "losses are not counted");
        }
        var batch = new PacketBatch();
        for (int i = 0; i < 64; i += PacketBatch.Capacity)
        {
            while (batch.Count < PacketBatch.Capacity)
            {
                near.Queues[0].Receive(batch, _frames);
                Assert.True(Stopwatch.GetElapsedTime(start) < Bound, "frames are missing");
            }
            Assert.Equal(Frame(60 + i), batch.Packets[0].Bytes.ToArray());
            _frames.Release(batch.Packets);
            batch.Clear();
        }
        Assert.Equal(36, near.ReadCounters().ReceiveDropped);
    }

    [Fact]
    public void Closing_in_the_middle_of_traffic_gives_every_frame_back_once()
    {
        using RawSocket raw = OpenRaw();
        for (int round = 0; round < 20; round++)
        {
            using (AfXdpPort near = Open())
            {
                for (int i = 0; i < 40; i++)
                {
                    raw.Send(Frame(60 + i));
                    Send(near, Frame(200), Frame(300));
                }
                _frames.Release(ReceivePackets(near)); // some received, some still in the ring
            }
            AssertEveryFrameIsBack();
        }
    }

    private Packet[] ReceivePackets(AfXdpPort port)
    {
        var batch = new PacketBatch();
        port.Queues[0].Receive(batch, _frames);
        return batch.Packets.ToArray();
    }

    [Fact]
    public void An_interface_that_goes_down_and_up_goes_on()
    {
        using AfXdpPort near = Open();
        using RawSocket raw = OpenRaw();
        Eventually.Up(near);
        _space.Execute("ip", "link", "set", "near", "down").Checked();
        Assert.False(near.ReadLink().Up);
        Assert.Equal(2, Send(near, Frame(60), Frame(61)));
        Assert.Equal(2, near.ReadCounters().TransmitErrors);
        _space.Execute("ip", "link", "set", "near", "up").Checked();
        Eventually.Up(near);
        Assert.Equal(1, Send(near, Frame(62)));
        Assert.Equal(Frame(62), Expect(raw)); // and nothing of what was refused comes late
        raw.Send(Frame(63));
        Assert.Equal(Frame(63), ReceiveOne(near));
    }

    [Fact]
    public void An_interface_removed_under_traffic_receives_nothing_and_counts_what_it_is_sent()
    {
        using (AfXdpPort near = Open())
        {
            Assert.Equal(1, Send(near, Frame(60)));
            _space.Execute("ip", "link", "del", "far").Checked();
            for (int i = 0; i < 100; i++)
            {
                Assert.Equal(2, Send(near, Frame(60), Frame(61)));
                Assert.Equal(0, near.Queues[0].Receive(new PacketBatch(), _frames));
            }
            Assert.Equal(200, near.ReadCounters().TransmitErrors);
            Assert.False(near.ReadLink().Up);
        }
        AssertEveryFrameIsBack();
    }

    [Theory]
    [InlineData(XdpMode.Native, "prog/xdp")]
    [InlineData(XdpMode.Generic, "xdpgeneric")]
    internal void The_interface_is_left_as_found(XdpMode mode, string shown)
    {
        Needs.Program("ethtool");
        string before = Show();
        string features = _space.Execute("ethtool", "-k", "near").Checked().Output;
        Assert.Contains("rx-vlan-offload: on", features, StringComparison.Ordinal);
        using (AfXdpPort near = Open(options: new AfXdpOptions(128, 128, mode)))
        {
            Assert.StartsWith($"AF_XDP: {(mode == XdpMode.Native ? "native" : "generic")}, copy, need_wakeup", near.Backend, StringComparison.Ordinal);
            string opened = Show();
            Assert.Contains(shown, opened, StringComparison.Ordinal);
            Assert.Contains("promiscuity 1", opened, StringComparison.Ordinal);
            Assert.Contains("rx-vlan-offload: off", _space.Execute("ethtool", "-k", "near").Checked().Output, StringComparison.Ordinal);
        }
        Assert.Equal(before, Show());
        Assert.Equal(features, _space.Execute("ethtool", "-k", "near").Checked().Output);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_a_killed_switch_left_off_the_next_to_open_the_interface_switches_on(bool nextIsXdp)
    {
        Needs.Program("ethtool");
        string Offload() => _space.Execute("sh", "-c", "ethtool -k near | grep rx-vlan-offload").Checked().Output.Trim();
        // A kill is a switch-off that nothing follows.
        _space.Run(() => TagOffload.SwitchOff(LinuxInterface.Open("near", "near")));
        Assert.Equal("rx-vlan-offload: off", Offload());
        using (nextIsXdp ? Open() : (IPortDevice)_space.Run(() => AfPacketPort.Open("near", "near")))
        {
            Assert.Equal(nextIsXdp ? "rx-vlan-offload: off" : "rx-vlan-offload: on", Offload());
        }
        Assert.Equal("rx-vlan-offload: on", Offload());
    }

    [Fact]
    public void Notes_of_a_namespace_that_only_a_descriptor_keeps_stay_until_it_is_gone()
    {
        const string Folder = "/run/softswitch";
        string note = $"{Folder}/rx-vlan-offload-{uint.MaxValue}-{Environment.ProcessId}"; // no other run of this test has it
        string boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        try
        {
            using (var held = new LabNode("held"))
            {
                Directory.CreateDirectory(Folder);
                File.WriteAllText(note, $"{boot} 02:00:00:00:00:01 {new FileInfo(held.NetworkPath).LinkTarget}\n");
                Open().Dispose();
                Assert.True(File.Exists(note));
            }
            AwaitGone(note);
        }
        finally
        {
            File.Delete(note);
        }
    }

    /// <summary>The next port to be opened removes a note, or one after it: a program that somebody starts just then keeps the namespace until its exec.</summary>
    private void AwaitGone(string note) => Eventually.True(
        () =>
        {
            Open().Dispose();
            return !File.Exists(note);
        },
        $"{note} is gone");

    [Fact]
    public void An_offload_that_somebody_else_switched_off_stays_off()
    {
        Needs.Program("ethtool");
        _space.Execute("ethtool", "-K", "near", "rxvlan", "off").Checked();
        Open().Dispose();
        _space.Run(() => AfPacketPort.Open("near", "near")).Dispose();
        Assert.Equal("rx-vlan-offload: off", _space.Execute("sh", "-c", "ethtool -k near | grep rx-vlan-offload").Checked().Output.Trim());
    }

    [Fact]
    public void An_interface_that_comes_back_from_another_namespace_gets_back_what_it_lost_here()
    {
        Needs.Program("ethtool");
        using var elsewhere = new LabNode("els");
        using (AfXdpPort near = Open())
        {
            _space.Execute("ip", "link", "set", "near", "netns", elsewhere.NetworkPath).Checked();
            Assert.False(near.HasInterface);
        }
        elsewhere.Execute("ip", "link", "set", "near", "netns", _space.NetworkPath).Checked();
        _space.BringUp("near");
        _space.Run(() => AfPacketPort.Open("near", "near")).Dispose();
        Assert.Equal("rx-vlan-offload: on", _space.Execute("sh", "-c", "ethtool -k near | grep rx-vlan-offload").Checked().Output.Trim());
    }

    [Fact]
    public void Notes_of_namespaces_that_are_gone_go_too()
    {
        Needs.Program("ethtool");
        HashSet<string> before = [.. Notes()];
        var gone = new LabNode("gone");
        VethCable.Lay(gone.Network, "near", gone.Network, "far");
        gone.Run(() => TagOffload.SwitchOff(LinuxInterface.Open("near", "near")));
        string space = gone.Run(() => new FileInfo("/proc/thread-self/ns/net").LinkTarget!);
        string note = Assert.Single(Notes(), name => !before.Contains(name) && Read(name).Contains(space, StringComparison.Ordinal));
        gone.Dispose();
        AwaitGone(note);
        using (Open())
        {
            Assert.NotEmpty(Notes());
        }

        static string Read(string note)
        {
            try
            {
                return File.ReadAllText(note);
            }
            catch (FileNotFoundException)
            {
                return string.Empty; // another test's, which has ended
            }
        }

        static string[] Notes() => Directory.Exists("/run/softswitch") ? Directory.GetFiles("/run/softswitch", "rx-vlan-offload-*") : [];
    }

    [Fact]
    public void A_note_of_another_interface_with_the_same_index_is_not_believed()
    {
        Needs.Program("ethtool");
        _space.Run(() => TagOffload.SwitchOff(LinuxInterface.Open("near", "near")));
        _space.Execute("ip", "link", "set", "near", "address", "02:00:00:00:00:77").Checked();
        _space.Run(() => AfPacketPort.Open("near", "near")).Dispose();
        Assert.Equal("rx-vlan-offload: off", _space.Execute("sh", "-c", "ethtool -k near | grep rx-vlan-offload").Checked().Output.Trim());
    }

    [Fact]
    public void A_second_opener_is_told_who_has_the_interface_whatever_its_backend()
    {
        using (Open())
        {
            const string owner = "interface near is in use by another softswitch port of this process";
            Assert.Equal($"port 'near': {owner}", Assert.Throws<PortException>(() => Open()).Message);
            Assert.Equal($"near: {owner}", Assert.Throws<PortException>(() => _space.Run(() => AfPacketPort.Open("near", "near"))).Message);
        }
        Open().Dispose();
    }

    [Theory]
    [InlineData(36847, "36846 at most, or 65535 with --frame-size 4096")]
    [InlineData(65535, "36846 at most, or 65535 with --frame-size 4096")]
    public void An_mtu_of_more_frames_than_the_kernel_sends_is_refused_with_the_way_out(int mtu, string most)
    {
        _space.Execute("ip", "link", "set", "near", "mtu", $"{mtu}").Checked();
        Assert.Equal(
            $"port 'near': interface near has an MTU of {mtu}; AF_XDP takes {most}; packet:near does without AF_XDP",
            Assert.Throws<PortException>(() => Open()).Message);
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void Where_the_driver_refuses_the_interface_as_it_is_set_up_the_generic_hook_takes_it_and_the_line_says_why()
    {
        _space.Execute("ip", "link", "add", "narrow", "numrxqueues", "1", "numtxqueues", "1", "type", "veth", "peer", "name", "wide", "numrxqueues", "2", "numtxqueues", "2").Checked();
        _space.BringUp("narrow");
        _space.BringUp("wide");
        const string why = "No space left on device: a veth wants as many receive queues as its peer has transmit queues (ethtool -L)";
        Assert.Equal(
            $"port 'narrow': bpf(BPF_LINK_CREATE, native mode): {why}; packet:narrow does without AF_XDP",
            Assert.Throws<PortException>(() => Open("narrow", new AfXdpOptions(128, 128, XdpMode.Native))).Message);
        using (AfXdpPort near = Open("narrow"))
        {
            Assert.StartsWith($"AF_XDP: generic, copy, need_wakeup, own umem; veth refuses native mode ({why}); segments", near.Backend, StringComparison.Ordinal);
            using RawSocket raw = OpenRaw("wide");
            raw.Send(Frame(100));
            Assert.Equal(Frame(100), ReceiveOne(near));
        }
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void Zero_copy_is_asked_for_and_the_line_says_that_the_driver_refused()
    {
        using AfXdpPort near = Open();
        Assert.StartsWith(
            "AF_XDP: native, copy, need_wakeup, own umem; veth refuses zero-copy (Operation not supported); ", near.Backend, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pool_without_enough_frames_is_a_clear_line_and_loses_none()
    {
        string message = Assert.Throws<PortException>(() => Open(options: new AfXdpOptions(ReceiveSlots: 2048))).Message;
        Assert.Contains("the switch has no 2048 frames left for it to receive into (rx-slots=2048)", message, StringComparison.Ordinal);
        AssertEveryFrameIsBack();
        Eventually.Gone("prog/xdp", () => Show());
    }
}
