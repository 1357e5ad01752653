using Softswitch.Lab.Linux;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Linux;

[Trait("Ring", "peers")]
public sealed class PacketCaptureTests
{
    [Fact]
    public void A_capture_on_an_interface_that_goes_down_waits_and_goes_on_when_it_is_up_again()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        using NetlinkSocket links = network.Run(NetlinkSocket.Open);
        links.CreateVethPair("a", "b");
        links.SetNoIpv6Address("a");
        links.SetNoIpv6Address("b");
        links.SetUp("a");
        links.SetUp("b");
        using PacketCapture capture = network.Run(() => PacketCapture.Open("a"));
        links.SetUp("a", up: false);
        capture.Read(static (in _) => { }, patienceMilliseconds: 100); // learns of it
        Task<int> waiting = Task.Run(
            () => capture.Read(static (in frame) => Assert.Equal(60, frame.Length), 2 * (int)Eventually.Bound.TotalMilliseconds), TestContext.Current.CancellationToken);
        links.SetUp("a");
        Eventually.True(() => links.FindLink("b") is { State: OperationalState.Up, Carrier: true }, "the link is up");
        using FrameSender sender = network.Run(() => FrameSender.Open("b"));
        sender.Send(new byte[60]);
        Assert.Equal(1, Eventually.Result(waiting));
    }
}
