using System.Globalization;
using Softswitch.Bench.Compare;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Bench.Topology;

/// <summary>Open vSwitch's userspace bridges on the same interfaces (ports of type <c>system</c>), in one ovs-vswitchd with a database of its own.</summary>
/// <remarks>
/// Its database has the configuration before the switch starts, as ours has its file: the time is that of ovs-vswitchd alone. Like Mininet's, bridges
/// are without in-band control and try a lost controller again each second. <c>userspace-tso-enable</c> is on: without it, hosts whose interfaces
/// have their offloads get next to no TCP through.
/// </remarks>
internal sealed class OvsTopology : TopologySwitches
{
    private readonly OvsDaemons _daemons;
    private readonly TopologyNetwork _network;

    /// <exception cref="OptionException">The database does not take it, and why.</exception>
    public OvsTopology(OvsInstallation installation, TopologyOptions options, TopologyNetwork network, CancellationToken cancellation)
    {
        _network = network;
        _daemons = new OvsDaemons(installation, cancellation);
        try
        {
            _daemons.StartDatabase();
            _daemons.Configure([.. Describe(options, network.ControllerTarget)]);
        }
        catch
        {
            _daemons.Dispose();
            throw;
        }
    }

    protected override IEnumerable<int> Processes => _daemons.ProcessIds;

    /// <summary>Arguments of ovs-vsctl: all bridges in one transaction.</summary>
    internal static IEnumerable<string> Describe(TopologyOptions options, string controller)
    {
        TopologyShape shape = options.Shape;
        List<string> arguments = ["--no-wait", "set", "Open_vSwitch", ".", "other_config:userspace-tso-enable=true"];
        for (int place = 0; place < shape.Switches; place++)
        {
            string name = NameOf(place);
            string id = (place + 1).ToString("x16", CultureInfo.InvariantCulture);
            arguments.AddRange(
            [
                "--", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", "fail-mode=secure", "protocols=OpenFlow10",
                $"other_config:datapath-id={id}", "other_config:disable-in-band=true", "--", "--id=@control" + name, "create", "Controller",
                $"target=\"{controller}\"", "max_backoff=1000", "--", "set", "bridge", name, "controller=@control" + name,
            ]);
            if (shape.HasLoop)
            {
                string address = string.Join(':', id[4..].Chunk(2).Select(pair => new string(pair)));
                arguments.AddRange(["--", "set", "bridge", name, "stp_enable=true", $"other_config:stp-system-id=\"{address}\""]);
            }
            foreach ((ushort number, int? host, int cable, bool isFar) in PortsOf(shape, place))
            {
                string port = host is int of ? TopologyNetwork.HostInterface(of) : TopologyNetwork.CableInterface(cable, isFar);
                arguments.AddRange(
                [
                    "--", "add-port", name, port, "--", "set", "Interface", port, $"ofport_request={number.ToString(CultureInfo.InvariantCulture)}",
                ]);
                if (host == null && options.Links == TopologyLinks.Patch)
                {
                    arguments.AddRange(["type=patch", $"options:peer={TopologyNetwork.CableInterface(cable, !isFar)}"]);
                }
            }
        }
        return arguments;
    }

    public override void Start() => _daemons.StartSwitch(_network.Place);

    public override string? FindFailure() => _daemons.HasExited ? "ovs-vswitchd has ended" : null;

    public override void Dispose() => _daemons.Dispose();
}
