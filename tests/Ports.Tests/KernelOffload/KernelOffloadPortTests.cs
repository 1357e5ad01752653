using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.KernelOffload;
using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.KernelOffload;

/// <summary>Without flows, a port is one like any other.</summary>
[Trait("Ring", "peers")]
public sealed class KernelOffloadPortContractTests : LinkContract, IDisposable
{
    private KernelOffloadPorts? _ports;

    internal override PortHarness Open(FramePool pool)
    {
        Needs.Namespaces();
        _ports ??= new KernelOffloadPorts(1000);
        return new VethHarness(pool, () => _ports.Open("near", 1, "near", new AfPacketOptions()));
    }

    public void Dispose() => _ports?.Dispose();
}

[Trait("Ring", "peers")]
public sealed class KernelOffloadPortTests() : VethTests(() => Needs.Namespaces())
{
    [Fact]
    public void The_host_gets_nothing_while_the_port_is_there_and_all_of_it_afterwards()
    {
        using RawSocket far = OpenRaw();
        Space.Execute("ip", "address", "add", "10.0.0.1/24", "dev", "near").Checked();
        byte[] request = TestPacket.Arp(1, 0x0a000002, 0x0a000001, 0x0200_0000_0001, 0xffff_ffff_ffff);
        using (KernelOffloadPorts ports = new(1000))
        {
            using (KernelOffloadPort port = Space.Run(() => ports.Open("near", 1, "near", new AfPacketOptions())))
            {
                far.Send(request);
                Assert.Equal(request, ReceiveOne(port));
                Assert.Contains("punt", Space.Execute("ip", "link").Checked().Output, StringComparison.Ordinal);
                Assert.Null(far.Receive());
            }
        }
        Assert.DoesNotContain("punt", Space.Execute("ip", "link").Checked().Output, StringComparison.Ordinal);
        far.Send(request);
        Assert.Equal(2, far.Expect()[21]); // the host's own answer
    }

    [Fact]
    public void Without_the_rights_the_kernel_is_asked_once_and_its_reason_told()
    {
        SystemCallException refusal = Space.Run(() =>
        {
            Capabilities.KeepOnly(Capabilities.CAP_NET_ADMIN, Capabilities.CAP_NET_RAW); // of this thread, which ends here
            return Assert.Throws<SystemCallException>(() => new KernelOffloadPorts(1000));
        });
        Assert.Contains("Operation not permitted", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_port_of_the_same_interface_is_refused_and_leaves_nothing_behind()
    {
        using KernelOffloadPorts ports = new(1000);
        using KernelOffloadPort port = Space.Run(() => ports.Open("near", 1, "near", new AfPacketOptions()));
        PortException refusal = Assert.Throws<PortException>(() => Space.Run(() => ports.Open("again", 2, "near", new AfPacketOptions())));
        Assert.StartsWith("again: ", refusal.Message, StringComparison.Ordinal);
        Assert.Throws<PortException>(() => Space.Run(() => ports.Open("none", 3, "nosuch", new AfPacketOptions())));
    }
}
