using System.Net;
using System.Net.Sockets;
using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Linux;

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
    public void A_socket_stays_in_the_namespace_it_was_opened_in()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        network.Run(() =>
        {
            using NetlinkSocket netlink = NetlinkSocket.Open();
            netlink.SetUp("lo");
        });
        using TcpListener listener = network.Run(() =>
        {
            var opened = new TcpListener(IPAddress.Loopback, 0);
            opened.Start();
            return opened;
        });
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using Socket inside = network.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        inside.Connect(IPAddress.Loopback, port);
        Assert.True(inside.Connected);
    }

    [Fact]
    public void An_exception_inside_reaches_the_caller()
    {
        using NetworkNamespace network = Needs.NewNamespace();
        Assert.Equal("inside", Assert.Throws<InvalidDataException>(() => network.Run(() => throw new InvalidDataException("inside"))).Message);
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
