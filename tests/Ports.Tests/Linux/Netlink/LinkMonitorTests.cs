using System.Collections.Concurrent;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Linux.Netlink;

[Trait("Ring", "peers")]
public sealed class LinkMonitorTests : IDisposable
{
    private readonly NetworkNamespace _network = Needs.NewNamespace();
    private readonly NetlinkSocket _netlink;
    private readonly BlockingCollection<(Link Link, bool Removed)> _changes = [];

    public LinkMonitorTests() => _netlink = _network.Run(NetlinkSocket.Open);

    public void Dispose()
    {
        _netlink.Dispose();
        _network.Dispose();
        _changes.Dispose();
    }

    [Fact]
    public void Links_that_come_change_and_go_are_reported()
    {
        using IDisposable monitor = _network.Run(Subscribe);
        _netlink.CreateVethPair("a", "b");
        Next(c => c.Link.Name == "a" && !c.Removed);
        _netlink.SetUp("a");
        _netlink.SetUp("b");
        Next(c => c.Link.Name == "a" && c.Link.Carrier && c.Link.Flags.HasFlag(LinkFlags.Running));
        _netlink.SetUp("b", up: false);
        Next(c => c.Link.Name == "a" && !c.Link.Carrier);
        _netlink.Delete("a");
        Next(c => c.Link.Name == "b" && c.Removed);
    }

    [Fact]
    public void Disposing_ends_the_reports()
    {
        int reports = 0;
        IDisposable monitor = _network.Run(() => LinkMonitor.Subscribe(_ => Interlocked.Increment(ref reports), _ => { }));
        monitor.Dispose();
        monitor.Dispose();
        int before = reports;
        using IDisposable another = _network.Run(Subscribe);
        _netlink.CreateVethPair("a", "b");
        _netlink.Delete("a");
        Next(c => c.Link.Name == "b" && c.Removed);
        Assert.Equal(before, reports);
    }

    [Fact]
    public void A_link_that_went_among_lost_announcements_is_reported_too()
    {
        _netlink.CreateVethPair("kept", "k");
        _netlink.CreateVethPair("lost", "l");
        using var hold = new ManualResetEventSlim();
        using IDisposable monitor = _network.Run(() => LinkMonitor.Subscribe(
            link =>
            {
                Eventually.Set(hold, "the announcements are lost");
                _changes.Add((link, false));
            },
            link => _changes.Add((link, true))));
        _netlink.SetUp("kept");
        for (int i = 0; i < 2000; i++)
        {
            _netlink.SetMtu("kept", 1000 + (i % 100)); // more than the socket's buffer holds
        }
        _netlink.Delete("lost");
        hold.Set();
        Next(c => c.Link.Name == "lost" && c.Removed);
        Next(c => c.Link is { Name: "kept", Mtu: 1099 } && !c.Removed);
    }

    [Fact]
    public void A_bridge_that_lets_go_of_a_link_does_not_remove_it()
    {
        Needs.Namespaces();
        using var space = new LabNode("bridge");
        CommandResult made = space.Execute("ip", "link", "add", "bridge0", "type", "bridge");
        Assert.SkipWhen(made.Error.Contains("Unknown device type", StringComparison.Ordinal), "this kernel has no bridges");
        made.Checked();
        space.Execute("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb").Checked();
        using IDisposable monitor = space.Run(Subscribe);
        space.Execute("ip", "link", "set", "va", "master", "bridge0").Checked();
        space.Execute("ip", "link", "set", "va", "nomaster").Checked();
        space.Execute("ip", "link", "set", "va", "mtu", "1234").Checked();
        Next(c =>
        {
            Assert.False(c.Removed, $"{c.Link.Name} is said to be gone");
            return c.Link is { Name: "va", Mtu: 1234 };
        });
    }

    private IDisposable Subscribe() => LinkMonitor.Subscribe(link => _changes.Add((link, false)), link => _changes.Add((link, true)));

    private void Next(Predicate<(Link Link, bool Removed)> wanted)
    {
        while (_changes.TryTake(out (Link Link, bool Removed) change, (int)Eventually.Bound.TotalMilliseconds, TestContext.Current.CancellationToken))
        {
            if (wanted(change))
            {
                return;
            }
        }
        Assert.Fail("the change was not reported");
    }
}
