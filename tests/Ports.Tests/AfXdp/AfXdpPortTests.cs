using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Testing;
using static Softswitch.Testing.PolledPort;

namespace Softswitch.Ports.Tests.AfXdp;

[Trait("Ring", "peers")]
public sealed class AfXdpPortTests : VethPortTests
{
    public AfXdpPortTests()
        : base(() => Needs.Xdp())
    {
    }

    internal override IPortDevice OpenNear(int? receiveSlots) => Open(options: receiveSlots is { } slots ? new AfXdpOptions(slots) : null);

    private AfXdpPort Open(string name = "near", AfXdpOptions? options = null) =>
        Space.Run(() => AfXdpPort.Open($"port '{name}'", name, Pool, options ?? new AfXdpOptions(128, 128)));

    private string Show() => Space.Execute("ip", "-d", "link", "show", "near").Checked().Output;

    private string Features() => Space.Execute("ethtool", "-k", "near").Checked().Output;

    /// <summary>Whether the driver takes tags out of what it receives.</summary>
    private string Offload() => Features().Split("rx-vlan-offload: ")[1].Split('\n')[0].Trim();

    [Fact]
    public void A_short_packet_in_a_large_frame_is_sent_like_any_other()
    {
        using (AfXdpPort near = Open())
        {
            using RawSocket raw = OpenRaw();
            Assert.True(Frames.TryRentLarge(out Packet packet));
            packet.Length = 200;
            Frame(200).CopyTo(packet.Bytes);
            Assert.Equal(1, near.Queues[0].Transmit(new ReadOnlySpan<Packet>(in packet), Frames));
            Assert.Equal(Frame(200), raw.Expect());
        }
        AssertEveryFrameIsBack();
    }

    [Fact]
    public unsafe void Two_ports_share_the_umem_and_a_frame_goes_through_both_as_it_is()
    {
        VethCable.Lay(Space.Network, "out", Space.Network, "beyond");
        using (AfXdpPort near = Open())
        using (AfXdpPort outward = Open("out"))
        {
            Assert.Contains("own umem", near.Backend, StringComparison.Ordinal);
            Assert.Contains("shared umem", outward.Backend, StringComparison.Ordinal);
            using RawSocket far = OpenRaw();
            using RawSocket beyond = OpenRaw("beyond");
            far.Send(Frame(100));
            var batch = new PacketBatch();
            Eventually.Polled(() => near.Queues[0].Receive(batch, Frames) > 0, () => "nothing came");
            Packet packet = Assert.Single(batch.Packets.ToArray());
            nint at = (nint)packet.Data;
            Assert.Equal((nint)Pool.Region + FramePool.DataOffset, at - ((at - (nint)Pool.Region) / Pool.FrameSize * Pool.FrameSize));
            packet.Bytes[20] = 0x5a; // what the switch writes into the frame is what leaves
            int held = outward.HeldFrames;
            Assert.Equal(1, outward.Queues[0].Transmit(new ReadOnlySpan<Packet>(in packet), Frames));
            Assert.Equal(held + 1, outward.HeldFrames);
            byte[] expected = Frame(100);
            expected[20] = 0x5a;
            Assert.Equal(expected, beyond.Expect());
            // The completion brings back that very frame: last in, first out of the cache.
            Eventually.Polled(() => outward.Queues[0].Receive(new PacketBatch(), Frames) == 0 && outward.HeldFrames == held, () => "no completion");
            Assert.True(Frames.TryRent(out Packet again));
            Assert.Equal((nint)Pool.FrameStart((byte*)at), (nint)Pool.FrameStart(again.Data));
            Frames.Release(again);
        }
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void Whoever_closes_first_takes_the_umem_from_nobody()
    {
        VethCable.Lay(Space.Network, "out", Space.Network, "beyond");
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
    public void Closing_in_the_middle_of_traffic_gives_every_frame_back_once()
    {
        using RawSocket raw = OpenRaw();
        for (int round = 0; round < 5; round++)
        {
            using (AfXdpPort near = Open())
            {
                for (int i = 0; i < 40; i++)
                {
                    raw.Send(Frame(60 + i));
                    Send(near, Frame(200), Frame(300));
                }
                near.Queues[0].ReceiveOnce(Frames); // some received, some still in the ring
            }
            AssertEveryFrameIsBack();
        }
    }

    [Theory]
    [InlineData(XdpMode.Native, "prog/xdp", "native, copy, need_wakeup, own umem; veth refuses zero-copy (Operation not supported); ")]
    [InlineData(XdpMode.Generic, "xdpgeneric", "generic, copy, need_wakeup")]
    internal void The_interface_is_left_as_found_and_the_line_says_what_the_driver_refused(XdpMode mode, string shown, string backend)
    {
        Needs.Program("ethtool");
        string before = Show();
        string features = Features();
        Assert.Equal("on", Offload());
        using (AfXdpPort near = Open(options: new AfXdpOptions(128, 128, mode)))
        {
            Assert.StartsWith($"AF_XDP: {backend}", near.Backend, StringComparison.Ordinal);
            string opened = Show();
            Assert.Contains(shown, opened, StringComparison.Ordinal);
            Assert.Contains("promiscuity 1", opened, StringComparison.Ordinal);
            Assert.Equal("off", Offload());
        }
        Assert.Equal(before, Show());
        Assert.Equal(features, Features());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_a_killed_switch_left_off_the_next_to_open_the_interface_switches_on(bool nextIsXdp)
    {
        Needs.Program("ethtool");
        // A kill is a switch-off that nothing follows.
        Space.Run(() => VlanOffload.SwitchOff(LinuxInterface.Open("near", "near")));
        Assert.Equal("off", Offload());
        using (nextIsXdp ? Open() : (IPortDevice)OpenPacket("near"))
        {
            Assert.Equal(nextIsXdp ? "off" : "on", Offload());
        }
        Assert.Equal("on", Offload());
    }

    [Fact]
    public void An_offload_that_somebody_else_switched_off_stays_off()
    {
        Needs.Program("ethtool");
        Space.Execute("ethtool", "-K", "near", "rxvlan", "off").Checked();
        Open().Dispose();
        OpenPacket("near").Dispose();
        Assert.Equal("off", Offload());
    }

    [Fact]
    public void An_interface_that_comes_back_from_another_namespace_gets_back_what_it_lost_here()
    {
        Needs.Program("ethtool");
        using var elsewhere = new LabNode("els");
        using (AfXdpPort near = Open())
        {
            Space.Execute("ip", "link", "set", "near", "netns", elsewhere.NetworkPath).Checked();
            Assert.False(near.HasInterface);
        }
        elsewhere.Execute("ip", "link", "set", "near", "netns", Space.NetworkPath).Checked();
        Space.BringUp("near");
        OpenPacket("near").Dispose();
        Assert.Equal("on", Offload());
    }

    [Fact]
    public void Notes_of_namespaces_that_are_gone_go_too_and_those_that_only_a_descriptor_keeps_stay()
    {
        Needs.Program("ethtool");
        HashSet<string> before = [.. Notes()];
        string note;
        using (var held = new LabNode("held"))
        {
            VethCable.Lay(held.Network, "near", held.Network, "far");
            held.Run(() => VlanOffload.SwitchOff(LinuxInterface.Open("near", "near")));
            string space = new FileInfo(held.NetworkPath).LinkTarget!;
            note = Assert.Single(Notes(), name => !before.Contains(name) && Read(name).Contains(space, StringComparison.Ordinal));
            Open().Dispose();
            Assert.True(File.Exists(note));
        }
        // The next port to be opened removes it, or one after it: a program that somebody starts just then keeps the namespace until its exec.
        Eventually.True(
            () =>
            {
                Open().Dispose();
                return !File.Exists(note);
            },
            $"{note} is gone");
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
        Space.Run(() => VlanOffload.SwitchOff(LinuxInterface.Open("near", "near")));
        Space.Execute("ip", "link", "set", "near", "address", "02:00:00:00:00:77").Checked();
        OpenPacket("near").Dispose();
        Assert.Equal("off", Offload());
    }

    [Theory]
    [InlineData(36847, "36846 at most, or 65535 with --frame-size 4096")]
    [InlineData(65535, "36846 at most, or 65535 with --frame-size 4096")]
    public void An_mtu_of_more_frames_than_the_kernel_sends_is_refused_with_the_way_out(int mtu, string most)
    {
        Space.Execute("ip", "link", "set", "near", "mtu", $"{mtu}").Checked();
        Assert.Equal(
            $"port 'near': interface near has an MTU of {mtu}; AF_XDP takes {most}; packet:near does without AF_XDP",
            Assert.Throws<PortException>(() => Open()).Message);
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void Where_the_driver_refuses_the_interface_as_it_is_set_up_the_generic_hook_takes_it_and_the_line_says_why()
    {
        Space.Execute("ip", "link", "add", "narrow", "numrxqueues", "1", "numtxqueues", "1", "type", "veth", "peer", "name", "wide", "numrxqueues", "2", "numtxqueues", "2").Checked();
        Space.BringUp("narrow");
        Space.BringUp("wide");
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
}
