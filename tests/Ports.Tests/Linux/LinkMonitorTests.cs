using System.Collections.Concurrent;
using Softswitch.Ports.Linux;

namespace Softswitch.Ports.Tests.Linux;

public sealed class LinkMonitorTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    [Fact]
    public void Links_that_come_change_and_go_are_reported()
    {
        using NetworkNamespace network = NamespaceNeeds.Create();
        using NetlinkSocket netlink = network.Run(NetlinkSocket.Open);
        using var changes = new BlockingCollection<(Link Link, bool Removed)>();
        using LinkMonitor monitor = network.Run(() => new LinkMonitor(link => changes.Add((link, false)), link => changes.Add((link, true))));

        netlink.CreateVethPair("a", "b");
        Next(changes, c => c.Link.Name == "a" && !c.Removed);
        netlink.SetUp("a");
        netlink.SetUp("b");
        Next(changes, c => c.Link.Name == "a" && c.Link.Carrier && c.Link.Flags.HasFlag(LinkFlags.Running));
        netlink.SetUp("b", up: false);
        Next(changes, c => c.Link.Name == "a" && !c.Link.Carrier);
        netlink.Delete("a");
        Next(changes, c => c.Link.Name == "b" && c.Removed);
    }

    [Fact]
    public void Disposing_ends_the_reports()
    {
        using NetworkNamespace network = NamespaceNeeds.Create();
        using NetlinkSocket netlink = network.Run(NetlinkSocket.Open);
        int reports = 0;
        LinkMonitor monitor = network.Run(() => new LinkMonitor(_ => Interlocked.Increment(ref reports), _ => { }));
        monitor.Dispose();
        monitor.Dispose();
        int before = reports;
        netlink.CreateVethPair("a", "b");
        Assert.Equal(before, reports);
    }

    private static void Next(BlockingCollection<(Link Link, bool Removed)> changes, Predicate<(Link Link, bool Removed)> wanted)
    {
        while (changes.TryTake(out (Link Link, bool Removed) change, (int)Bound.TotalMilliseconds, TestContext.Current.CancellationToken))
        {
            if (wanted(change))
            {
                return;
            }
        }
        Assert.Fail("the change was not reported");
    }
}
