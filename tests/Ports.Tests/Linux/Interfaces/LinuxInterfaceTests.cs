using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Linux.Interfaces;

[Trait("Ring", "peers")]
public sealed class LinuxInterfaceTests
{
    [Fact]
    public void It_is_followed_through_a_new_name_address_and_mtu()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        using NetlinkSocket netlink = network.Run(NetlinkSocket.Open);
        netlink.CreateVethPair("a", "b");
        using LinuxInterface sut = network.Run(() => LinuxInterface.Open("port", "a"));
        Assert.Equal("a", sut.Name);
        netlink.SetName("a", "c");
        netlink.SetHardwareAddress("c", new MacAddress(0x0200_0000_0042));
        netlink.SetMtu("c", 9000);
        netlink.CreateVethPair("a", "d"); // who has its old name is somebody else
        sut.ReadLink();
        Assert.Equal(("c", new MacAddress(0x0200_0000_0042), 9000), (sut.Name, sut.HardwareAddress, sut.Mtu));
        Assert.Equal(0, sut.SetUp(up: true));
        Assert.True(netlink.FindLink("c")!.Flags.HasFlag(LinkFlags.Up));
        Assert.False(netlink.FindLink("a")!.Flags.HasFlag(LinkFlags.Up));
        Assert.True(sut.Exists);
        netlink.Delete("c");
        Assert.False(sut.Exists);
        Assert.False(sut.ReadLink().Up);
    }

    [Fact]
    public void Renamed_in_the_middle_of_a_look_it_does_not_seem_gone()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        using NetlinkSocket netlink = network.Run(NetlinkSocket.Open);
        netlink.CreateVethPair("a", "b");
        netlink.SetUp("b");
        netlink.SetUp("a");
        using LinuxInterface sut = network.Run(() => LinuxInterface.Open("port", "a"));
        Eventually.True(() => sut.ReadLink().Up, "it is up");
        bool done = false;
        Thread renamer = new(() =>
        {
            for (int i = 0; i < 300; i++)
            {
                netlink.SetName("a", "c");
                netlink.SetName("c", "a");
            }
            Volatile.Write(ref done, true);
        });
        renamer.Start();
        int gone = 0;
        while (!Volatile.Read(ref done))
        {
            gone += sut.ReadLink().Up ? 0 : 1;
        }
        renamer.Join();
        Assert.Equal(0, gone);
        sut.ReadLink();
        Assert.Equal("a", sut.Name);
    }

    [Fact]
    public void A_speed_that_a_driver_takes_without_a_word_is_found_out()
    {
        Needs.Tun();
        Needs.Program("ethtool");
        using var space = new LabNode("speed");
        using Softswitch.Ports.Tap.TapPort port = space.Run(() => Softswitch.Ports.Tap.TapPort.Open("tap:t", "t"));
        Eventually.Up(port);
        Assert.Equal(PortFeatures.Speed10GbFull, port.ReadLink().Current & PortFeatures.Speed10GbFull);
        space.Execute("ethtool", "-s", "t", "speed", "100", "duplex", "half").Checked();
        Eventually.True(() => (port.ReadLink().Current & PortFeatures.Speed100MbHalf) != 0, () => $"still {port.ReadLink().Current}");
    }
}
