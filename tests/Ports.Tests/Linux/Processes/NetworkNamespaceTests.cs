using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Linux.Processes;

[Trait("Ring", "peers")]
public sealed class NetworkNamespaceTests
{
    private const string OfThisThread = "/proc/thread-self/ns/net";

    [Fact]
    public void Code_runs_inside_and_the_caller_stays_where_it_was()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        string outside = ReadLink(OfThisThread);
        string inside = network.Run(() => ReadLink(OfThisThread));
        Assert.NotEqual(outside, inside);
        Assert.Equal(inside, network.Run(() => ReadLink(OfThisThread)));
        Assert.Equal(outside, ReadLink(OfThisThread));
    }

    [Fact]
    public void A_namespace_is_gone_when_it_is_disposed()
    {
        NetworkNamespace network = Needs.NewNamespace();
        using NetworkNamespace other = Needs.NewNamespace();
        using NetlinkSocket there = other.Run(NetlinkSocket.Open);
        network.Run(() =>
        {
            using NetlinkSocket netlink = NetlinkSocket.Open();
            netlink.CreateVethPair("a", "b", other);
        });
        using var gone = new ManualResetEventSlim();
        using IDisposable monitor = other.Run(() => LinkMonitor.Subscribe(_ => { }, _ => gone.Set()));
        Assert.NotNull(there.FindLink("b"));

        network.Dispose();

        // The kernel takes namespaces down in the background; the other end of the pair goes with it.
        Eventually.Set(gone, "the pair is gone with its namespace");
        Assert.Null(there.FindLink("b"));
        Assert.Throws<ObjectDisposedException>(() => network.Run(() => { }));
    }

    private static string ReadLink(string path) => new FileInfo(path).LinkTarget!;
}
