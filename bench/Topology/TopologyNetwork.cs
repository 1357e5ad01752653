using System.Globalization;
using Softswitch.Lab;
using Softswitch.Lab.Linux;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Learning;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Topology;

/// <summary>Hosts in namespaces of their own, cables, and a controller; everything but the switches.</summary>
/// <remarks>
/// <code>
/// namespace "switches": all switches of a process, the controller, both ends of each cable between switches
///   h0 --- eth0 in the namespace of host 1         c0a --- c0b   a cable between two switches
///   h1 --- eth0 in the namespace of host 2         c1a --- c1b
/// </code>
/// Namespaces are held by descriptors: they go with the process, however it ends. Threads: one.
/// </remarks>
internal sealed class TopologyNetwork : IDisposable
{
    private readonly LabNode _switches = new("switches");
    private readonly List<LabHost> _hosts = [];
    private readonly LearningController _controller;

    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public TopologyNetwork(TopologyShape shape, TopologyLinks links, CancellationToken cancellation)
    {
        // Everything that must not be waited for later is there before a switch starts.
        _controller = new LearningController(new LearningOptions { Listen = "ptcp:0:127.0.0.1", MaxSwitches = shape.Switches });
        try
        {
            for (int i = 0; i < shape.Hosts.Count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                LabHost host = LabHost.Numbered(i + 1);
                _hosts.Add(host);
                host.Connect(Place, HostInterface(i));
            }
            for (int i = 0; i < shape.Cables.Count && links == TopologyLinks.Veth; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                VethCable.Lay(Place, CableInterface(i, isFar: false), Place, CableInterface(i, isFar: true));
            }
            _switches.Run(_controller.Start);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where switches run.</summary>
    public NetworkNamespace Place => _switches.Network;

    /// <summary>In the order of the shape's.</summary>
    public IReadOnlyList<LabHost> Hosts => _hosts;

    /// <summary>Switches whose handshake is done.</summary>
    public int ConnectedSwitches => _controller.Switches.Count;

    /// <summary>As switches are told of it.</summary>
    public string ControllerTarget => $"tcp:127.0.0.1:{_controller.Port.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>The switches' end of a host's cable.</summary>
    public static string HostInterface(int host) => $"h{host.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>An end of a cable between switches.</summary>
    public static string CableInterface(int cable, bool isFar) => $"{CableName(cable)}{(isFar ? 'b' : 'a')}";

    public static string CableName(int cable) => $"c{cable.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Has the first host's cable take frames of <see cref="FrameGenerator"/>.</summary>
    public void AcceptGenerator() => Place.Run(() => InterfaceFeatures.SetReceiveOffload(HostInterface(0), on: true));

    /// <summary>Takes the carrier from both ends of a cable, as when it is pulled out.</summary>
    public void Cut(int cable) => _switches.Links.SetUp(CableInterface(cable, isFar: true), up: false);

    public void Dispose()
    {
        _controller.Dispose();
        _hosts.ForEach(host => host.Dispose());
        _switches.Dispose();
    }
}
