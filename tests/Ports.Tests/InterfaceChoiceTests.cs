using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.AfXdp;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>What stands behind a plain name. No card is at hand: a veth plays one where AF_XDP is tried.</summary>
[Trait("Ring", "peers")]
public sealed class InterfaceChoiceTests : IDisposable
{
    private const string Rings = "rings of 128 and 128 slots, segments and checksums passed on";

    private readonly LabNode _space;
    private readonly FramePool _pool = new(1024, largeFrameCount: 4);

    public InterfaceChoiceTests()
    {
        Needs.Namespaces();
        _space = new LabNode("choice");
        VethCable.Lay(_space.Network, "near", _space.Network, "far");
    }

    public void Dispose()
    {
        _space?.Dispose();
        _pool.Dispose();
    }

    private string Backend(string text)
    {
        Assert.True(PortSpec.TryParse(text, out PortSpec? spec, out string? error), error);
        using IPortDevice device = _space.Run(() => PortFactory.Open(spec!, _pool));
        return device.Backend;
    }

    private string BackendAsIfACard(int frames = 128)
    {
        using IPortDevice device = _space.Run(() => InterfaceChoice.OpenXdpOrPacket("port 'near'", "near", _pool, new AfXdpOptions(frames, 128), new AfPacketOptions(128, 128)));
        return device.Backend;
    }

    [Fact]
    public void An_interface_with_software_behind_it_is_af_packet_whose_segments_pass_whole()
    {
        Assert.Equal($"AF_PACKET: no card behind veth, and segments pass whole; {Rings}", Backend("near,rx-slots=128,tx-slots=128"));
        Assert.Equal($"AF_PACKET: {Rings}", Backend("packet:near,rx-slots=128,tx-slots=128"));
        _space.Execute("ip", "link", "add", "bridge", "type", "bridge").Checked();
        Assert.StartsWith("AF_PACKET: no card behind bridge, ", Backend("bridge"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_card_is_af_xdp_in_native_mode()
    {
        Needs.Xdp();
        Assert.StartsWith("AF_XDP: native, copy", BackendAsIfACard(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_card_that_af_xdp_refuses_is_af_packet_and_the_line_says_why()
    {
        Needs.Xdp();
        _space.Execute("ip", "link", "set", "near", "mtu", "65535").Checked();
        Assert.Equal(
            $"AF_PACKET: no AF_XDP: interface near has an MTU of 65535; AF_XDP takes 36846 at most, or 65535 with --frame-size 4096; {Rings}",
            BackendAsIfACard());
        _space.Execute("ip", "link", "set", "near", "mtu", "1500").Checked();
        Assert.StartsWith("AF_PACKET: no AF_XDP: the switch has no 2048 frames left", BackendAsIfACard(frames: 2048), StringComparison.Ordinal);
        _space.Execute("ip", "link", "del", "near").Checked();
        _space.Execute("ip", "link", "add", "near", "numrxqueues", "1", "numtxqueues", "1", "type", "veth", "peer", "name", "far", "numrxqueues", "2", "numtxqueues", "2").Checked();
        Assert.StartsWith("AF_PACKET: no AF_XDP: bpf(BPF_LINK_CREATE, native mode): No space left on device: ", BackendAsIfACard(), StringComparison.Ordinal);
        Assert.Equal(_pool.FrameCount, _pool.FreeCount);
    }

    [Fact]
    public void A_card_with_an_address_is_af_packet_which_leaves_the_host_its_packets()
    {
        Needs.Xdp();
        _space.Execute("ip", "addr", "add", "10.9.0.1/24", "dev", "far").Checked();
        Assert.StartsWith("AF_XDP: native", BackendAsIfACard(), StringComparison.Ordinal);
        _space.Execute("ip", "addr", "add", "10.9.0.2/24", "dev", "near").Checked();
        Assert.Equal($"AF_PACKET: no AF_XDP: it has an address, and AF_XDP leaves the host none of its packets; {Rings}", BackendAsIfACard());
    }

    [Fact]
    public void A_kernel_or_container_that_forbids_bpf_gets_af_packet_and_the_line_says_why()
    {
        Needs.Xdp();
        string backend = string.Empty;
        _space.Run(() =>
        {
            Capabilities.KeepOnly(Capabilities.CAP_NET_ADMIN, Capabilities.CAP_NET_RAW); // of this thread, which ends here
            using IPortDevice device = InterfaceChoice.OpenXdpOrPacket("port 'near'", "near", _pool, new AfXdpOptions(128, 128), new AfPacketOptions(128, 128));
            backend = device.Backend;
        });
        Assert.Equal(
            "AF_PACKET: no AF_XDP: bpf(BPF_MAP_CREATE): Operation not permitted: AF_XDP wants CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW of the system, "
            + $"not of a container; {Rings}",
            backend);
    }

    [Fact]
    public void Who_may_not_see_the_processes_of_others_leaves_the_notes_of_their_namespaces()
    {
        Needs.Xdp("ethtool");
        const string Folder = "/run/softswitch";
        string note = $"{Folder}/rx-vlan-offload-{ulong.MaxValue}-{Environment.ProcessId}"; // no other run of this test has it
        using RunningCommand other = RunningCommand.Start("unshare", ["--net", "sleep", "600"]);
        string? Namespace() => new FileInfo($"/proc/{other.ProcessId}/ns/net").LinkTarget;
        Eventually.True(() => Namespace() is { } its && its != new FileInfo("/proc/self/ns/net").LinkTarget, "the other process has a namespace");
        Directory.CreateDirectory(Folder);
        File.WriteAllText(note, $"{File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()} 02:00:00:00:00:01 {Namespace()}\n");
        try
        {
            _space.Run(() =>
            {
                Capabilities.KeepOnly(Capabilities.CAP_NET_ADMIN, Capabilities.CAP_NET_RAW); // of this thread, which ends here
                InterfaceChoice.OpenXdpOrPacket("port 'near'", "near", _pool, new AfXdpOptions(128, 128), new AfPacketOptions(128, 128)).Dispose();
            });
            Assert.True(File.Exists(note));
        }
        finally
        {
            File.Delete(note);
        }
    }

    [Fact]
    public void An_interface_that_is_missing_or_taken_is_refused_by_its_name()
    {
        Assert.Equal(
            "port 'absent': there is no interface absent (SIOCGIFINDEX: No such device)", Assert.Throws<PortException>(() => Backend("absent")).Message);
        using IPortDevice first = _space.Run(() => InterfaceChoice.OpenXdpOrPacket("first", "near", _pool, new AfXdpOptions(128, 128), new AfPacketOptions(128, 128)));
        Assert.Equal(
            "port 'near': interface near is in use by another softswitch port of this process", Assert.Throws<PortException>(() => BackendAsIfACard()).Message);
    }
}
