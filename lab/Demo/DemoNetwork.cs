using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Learning;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Lab.Demo;

/// <summary>Four hosts around a switch with a learning controller, the switch in the process's own (private) network namespace.</summary>
/// <remarks>
/// <code>
/// h1 10.0.0.1 --- s1-h1 \                          / learning controller
/// h2 10.0.0.2 --- s1-h2  \  switch --- TCP, loopback
/// h3 10.0.0.3 --- s1-h3  /
/// h4 10.0.0.4 --- s1-h4 /
/// </code>
/// Namespaces and interfaces are held by descriptors: they go with the process, however it ends.
/// </remarks>
internal sealed class DemoNetwork : IDisposable
{
    private const int HostCount = 4;
    private const ulong DatapathId = 0x51;
    private static readonly TimeSpan ConnectionCheck = TimeSpan.FromMilliseconds(10);

    private readonly List<DemoHost> _hosts = [];

    private DemoNetwork(LearningController controller) => Controller = controller;

    public IReadOnlyList<DemoHost> Hosts => _hosts;

    public LearningController Controller { get; }

    public SwitchHost Switch { get; private set; } = null!;

    /// <param name="log">Takes a line for each event of a connection.</param>
    public static DemoNetwork Create(Action<string> log)
    {
        using (NetlinkSocket links = NetlinkSocket.Open())
        {
            links.SetUp("lo");
        }
        using NetworkNamespace here = NetworkNamespace.OfCurrentThread();
        var network = new DemoNetwork(new LearningController(new LearningOptions { Listen = "ptcp:0:127.0.0.1" }));
        try
        {
            network.Build(here, log);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Returns when the switch has its controller, or when <paramref name="stop"/> is cancelled: packets before that would be lost.</summary>
    public void WaitForController(CancellationToken stop)
    {
        while (!Switch.ReadConnections().Any(connection => connection.IsConnected) && !stop.WaitHandle.WaitOne(ConnectionCheck))
        {
        }
    }

    public void Dispose()
    {
        Switch?.Dispose();
        Controller.Dispose();
        _hosts.ForEach(host => host.Dispose());
    }

    private void Build(NetworkNamespace here, Action<string> log)
    {
        Controller.Start();
        for (int number = 1; number <= HostCount; number++)
        {
            _hosts.Add(DemoHost.Create(number, here));
        }
        var options = new SwitchOptions
        {
            DatapathId = DatapathId,
            Ports = [.. _hosts.Select(host => PortOf(host))],
            Agent = new() { Controllers = [new ConnectionTarget(ConnectionTransport.Tcp, IsPassive: false, "127.0.0.1", Controller.Port)] },
        };
        Switch = SwitchHost.Start(options, log);
    }

    private static PortOption PortOf(DemoHost host) => PortOption.Parse($"{host.Number}=packet:{host.SwitchInterface}");
}
