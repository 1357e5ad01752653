using System.Diagnostics;
using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Linux;

public sealed class PacketCaptureTests
{
    [Fact]
    public void A_capture_on_an_interface_that_goes_down_waits_and_goes_on_when_it_is_up_again()
    {
        const int patience = 100; // milliseconds
        using NetworkNamespace network = Needs.NewNamespace();
        using NetlinkSocket links = network.Run(NetlinkSocket.Open);
        links.CreateVethPair("a", "b");
        links.SetNoIpv6Address("a");
        links.SetNoIpv6Address("b");
        links.SetUp("a");
        links.SetUp("b");
        using PacketCapture capture = network.Run(() => PacketCapture.Open("a"));
        links.SetUp("a", up: false);
        capture.Read(static (in _) => { }, patience); // learns of it
        long start = Stopwatch.GetTimestamp();
        Assert.Equal(0, capture.Read(static (in _) => { }, patience));
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(patience * 0.9), "it did not wait");
        links.SetUp("a");
        Assert.True(SpinWait.SpinUntil(() => links.FindLink("b") is { State: OperationalState.Up, Carrier: true }, 30_000), "the link does not come up");
        using FrameSender sender = network.Run(() => FrameSender.Open("b"));
        sender.Send(new byte[60]);
        Assert.Equal(1, capture.Read(static (in frame) => Assert.Equal(60, frame.Length), 30_000));
    }
}
