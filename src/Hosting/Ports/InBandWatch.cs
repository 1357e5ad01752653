using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Netlink;

namespace Softswitch.Hosting.Ports;

/// <summary>Keeps the datapath told which packets are the switch's own connections: addresses, names and routes may change while it runs.</summary>
/// <remarks>Threads: one of its own from <see cref="Start"/> on; interfaces and routes are those of the constructing thread's network namespace.</remarks>
internal sealed class InBandWatch : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // How often a name that has addresses is looked up again; one that has none, each time.
    private static readonly TimeSpan LookupInterval = TimeSpan.FromSeconds(30);

    private readonly DatapathControl _control;
    private readonly Action<string> _log;
    private readonly string _device;
    private readonly Dictionary<string, IPAddress[]> _addresses = [];
    private readonly Dictionary<string, Task<IPAddress[]>> _lookups = []; // under way
    private readonly Dictionary<string, long> _lookedUpAt = [];
    private readonly NetlinkSocket _netlink;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private volatile ConnectionTarget[] _controllers = [];
    private volatile ushort[] _listenPorts = [];
    private string _lastNews = "";

    /// <summary>Publishes what is known without asking a name server, before the first connection is tried.</summary>
    /// <param name="log">Takes a line when what passes changes.</param>
    /// <exception cref="SystemCallException">The system has no netlink or no descriptor left.</exception>
    public InBandWatch(DatapathControl control, SwitchOptions options, Action<string> log)
    {
        _control = control;
        _log = log;
        _device = options.Ports.Single(port => port.Number == PortNumber.Local).Spec.Target;
        _netlink = NetlinkSocket.Open();
        _thread = new Thread(Watch) { IsBackground = true, Name = "in-band watch" };
        Follow(options.Agent.Controllers, []);
        Publish();
    }

    /// <param name="listenPorts">As for <see cref="Follow"/>.</param>
    public void Start(IEnumerable<int> listenPorts)
    {
        Follow(_controllers, listenPorts);
        _thread.Start();
    }

    /// <summary>Controllers and listeners are these from now on; the datapath is told within a second.</summary>
    /// <param name="controllers">All that are configured.</param>
    /// <param name="listenPorts">The TCP ports that are listened on; 0 where it is none.</param>
    public void Follow(IEnumerable<ConnectionTarget> controllers, IEnumerable<int> listenPorts)
    {
        _controllers = [.. controllers.Where(target => target.Transport != ConnectionTransport.Unix)];
        _listenPorts = [.. listenPorts.Where(port => port != 0).Select(port => (ushort)port)];
    }

    public void Dispose()
    {
        _stop.Cancel();
        if (!_thread.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            _thread.Join();
        }
        _netlink.Dispose();
        _stop.Dispose();
    }

    private void Watch()
    {
        while (!_stop.IsCancellationRequested)
        {
            Publish();
            LookUp();
            Wait();
            TakeAnswers();
        }
    }

    /// <summary>A resolver that takes its time keeps nothing from being looked at each second, and its answer is used when it comes.</summary>
    private void Wait()
    {
        if (_lookups.Count == 0)
        {
            _stop.Token.WaitHandle.WaitOne(Interval);
            return;
        }
        try
        {
            Task.WaitAny([.. _lookups.Values], (int)Interval.TotalMilliseconds, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // the loop looks itself
        }
    }

    private void LookUp()
    {
        foreach (string host in _addresses.Keys.Where(host => !IPAddress.TryParse(host, out _) && !_lookups.ContainsKey(host)))
        {
            TimeSpan interval = _addresses[host].Length == 0 ? Interval : LookupInterval;
            if (!_lookedUpAt.TryGetValue(host, out long last) || Environment.TickCount64 - last >= interval.TotalMilliseconds)
            {
                _lookups[host] = HostLookup.Begin(host);
            }
        }
    }

    private void TakeAnswers()
    {
        foreach ((string host, Task<IPAddress[]> lookup) in _lookups.Where(pair => pair.Value.IsCompleted).ToList())
        {
            _lookups.Remove(host);
            _lookedUpAt[host] = Environment.TickCount64;
            // What is known of a name stays known if nobody answers for it; the connection's own attempt reports that.
            if (lookup.IsCompletedSuccessfully)
            {
                _addresses[host] = [.. lookup.Result.Where(address => address.AddressFamily == AddressFamily.InterNetwork)];
            }
        }
    }

    private void Publish()
    {
        try
        {
            if (_netlink.FindLink(FindDevice()) is { } link)
            {
                Publish(link);
            }
        }
        catch (SystemCallException e)
        {
            Report($"in-band: {e.Message}");
        }
    }

    /// <summary>The interface behind LOCAL by its present name; by the one it was asked for by while it is away.</summary>
    private string FindDevice()
    {
        using (_control.EnterWithoutTable())
        {
            return _control.Ports.Descriptions.Where(port => port.Number == PortNumber.Local).Select(port => port.Name).FirstOrDefault(_device);
        }
    }

    private void Publish(Link link)
    {
        (ConnectionTarget[] configured, ushort[] listenPorts) = (_controllers, _listenPorts);
        string[] hosts = [.. configured.Select(target => target.Host).Distinct()];
        foreach (string host in hosts.Where(host => !_addresses.ContainsKey(host)))
        {
            _addresses[host] = IPAddress.TryParse(host, out IPAddress? address) ? [address] : [];
        }
        foreach (string host in _addresses.Keys.Except(hosts).ToList())
        {
            _addresses.Remove(host);
        }
        IPEndPoint[] controllers =
        [
            .. configured.SelectMany(target => _addresses[target.Host].Select(address => new IPEndPoint(address, target.Port))),
        ];
        IPEndPoint[] covered = [.. controllers.Where(controller => controller.AddressFamily == AddressFamily.InterNetwork)];
        Be32[] own = [.. _netlink.ListIpv4Addresses().Where(address => address.LinkIndex == link.Index).Select(address => address.Address)];
        Be32[] hops = [.. covered.Select(controller => NextHop(ToBe32(controller.Address), link)).OfType<Be32>().Distinct()];
        InBandTraffic traffic = new(
            link.HardwareAddress,
            covered.Select(controller => new InBandController(ToBe32(controller.Address), Be16.FromHost((ushort)controller.Port))),
            listenPorts,
            own.Concat(hops));
        using (_control.EnterWithoutTable())
        {
            _control.Pipeline.InBand = traffic;
        }
        Report(Describe(covered, own, hops, listenPorts, controllers.Except(covered)));
    }

    private Be32? NextHop(Be32 destination, Link link) =>
        _netlink.FindRoute(destination) is { } route && route.LinkIndex == link.Index ? route.Gateway : null;

    private string Describe(IPEndPoint[] controllers, Be32[] own, Be32[] hops, ushort[] listenPorts, IEnumerable<IPEndPoint> leftOut)
    {
        string news = $"in-band: {_device} has {List(own.Select(Ipv4Text.Format), "no IPv4 address yet")}; past the flow table go controllers {List(controllers, "none")}";
        news += hops.Length == 0 ? "" : $" by way of {List(hops.Select(Ipv4Text.Format), "")}";
        news += listenPorts.Length == 0 ? "" : $", peers of ports {List(listenPorts, "")}";
        return leftOut.Any() ? $"{news}; not {List(leftOut, "")}, for want of IPv4" : news;
    }

    private void Report(string news)
    {
        if (news != _lastNews)
        {
            _lastNews = news;
            _log(news);
        }
    }

    private static string List<T>(IEnumerable<T> items, string otherwise) => items.Any() ? string.Join(", ", items) : otherwise;

    private static Be32 ToBe32(IPAddress address) => Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes()));
}
