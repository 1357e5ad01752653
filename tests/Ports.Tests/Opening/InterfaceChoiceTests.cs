using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Opening;

/// <summary>What stands behind a plain name. No card is at hand: a veth plays one where AF_XDP is tried.</summary>
[Trait("Ring", "peers")]
public sealed class InterfaceChoiceTests : VethTests
{
    private const string Rings = "rings of 128 and 128 slots, segments and checksums passed on";

    public InterfaceChoiceTests()
        : base(() => Needs.Namespaces())
    {
    }

    private string Backend(string text)
    {
        Assert.True(PortSpec.TryParse(text, out PortSpec? spec, out string? error), error);
        using IPortDevice device = Space.Run(() => PortFactory.Open(spec!, Pool));
        return device.Backend;
    }

    private IPortDevice OpenAsIfACard(int frames = 128, bool mayLoadPrograms = true) => Space.Run(() =>
    {
        if (!mayLoadPrograms)
        {
            Capabilities.KeepOnly(Capabilities.CAP_NET_ADMIN, Capabilities.CAP_NET_RAW); // of this thread, which ends here
        }
        return InterfaceChoice.OpenXdpOrPacket("port 'near'", "near", Pool, new AfXdpOptions(frames, 128), new AfPacketOptions(128, 128));
    });

    private string BackendAsIfACard(int frames = 128, bool mayLoadPrograms = true)
    {
        using IPortDevice device = OpenAsIfACard(frames, mayLoadPrograms);
        return device.Backend;
    }

    [Fact]
    public void An_interface_with_software_behind_it_is_af_packet_whose_segments_pass_whole()
    {
        Assert.Equal($"AF_PACKET: no card behind veth, and segments pass whole; {Rings}", Backend("near,rx-slots=128,tx-slots=128"));
        Assert.Equal($"AF_PACKET: {Rings}", Backend("packet:near,rx-slots=128,tx-slots=128"));
        Space.Execute("ip", "link", "add", "bridge", "type", "bridge").Checked();
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
        Space.Links.SetMtu("near", 65535);
        Assert.Equal(
            $"AF_PACKET: no AF_XDP: interface near has an MTU of 65535; AF_XDP takes 36846 at most, or 65535 with --frame-size 4096; {Rings}",
            BackendAsIfACard());
        Space.Links.SetMtu("near", 1500);
        Assert.StartsWith("AF_PACKET: no AF_XDP: the switch has no 4096 frames left", BackendAsIfACard(frames: 4096), StringComparison.Ordinal);
        Space.Links.Delete("near");
        Space.Execute("ip", "link", "add", "near", "numrxqueues", "1", "numtxqueues", "1", "type", "veth", "peer", "name", "far", "numrxqueues", "2", "numtxqueues", "2").Checked();
        Assert.StartsWith("AF_PACKET: no AF_XDP: bpf(BPF_LINK_CREATE, native mode): No space left on device: ", BackendAsIfACard(), StringComparison.Ordinal);
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void A_card_with_an_address_is_af_packet_which_leaves_the_host_its_packets()
    {
        Needs.Xdp();
        Space.Execute("ip", "addr", "add", "10.9.0.1/24", "dev", "far").Checked();
        Assert.StartsWith("AF_XDP: native", BackendAsIfACard(), StringComparison.Ordinal);
        Space.Execute("ip", "addr", "add", "10.9.0.2/24", "dev", "near").Checked();
        Assert.Equal($"AF_PACKET: no AF_XDP: it has an address, and AF_XDP leaves the host none of its packets; {Rings}", BackendAsIfACard());
    }

    [Fact]
    public void A_kernel_or_container_that_forbids_bpf_gets_af_packet_and_the_line_says_why()
    {
        Needs.Xdp();
        Assert.Equal(
            "AF_PACKET: no AF_XDP: bpf(BPF_MAP_CREATE): Operation not permitted: AF_XDP wants CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW of the system, "
            + $"not of a container; {Rings}",
            BackendAsIfACard(mayLoadPrograms: false));
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
            OpenAsIfACard(mayLoadPrograms: false).Dispose();
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
        using IPortDevice first = OpenAsIfACard();
        Assert.Equal(
            "port 'near': interface near is in use by another softswitch port of this process", Assert.Throws<PortException>(() => BackendAsIfACard()).Message);
    }
}
