using System.ComponentModel;
using System.Globalization;
using System.Text;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;

namespace Softswitch.Bench.Topology;

/// <summary>This switch as users start it: <c>softswitch run --config</c> with a list of switches.</summary>
internal sealed class OwnTopology : TopologySwitches
{
    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-topology-").FullName;
    private readonly TopologyNetwork _network;
    private readonly CancellationToken _cancellation;
    private RunningCommand? _program;

    public OwnTopology(TopologyOptions options, TopologyNetwork network, CancellationToken cancellation)
    {
        (_network, _cancellation) = (network, cancellation);
        File.WriteAllText(ConfigurationFile, Describe(options, network.ControllerTarget));
    }

    protected override IEnumerable<int> Processes => [_program!.ProcessId];

    private string ConfigurationFile => Path.Combine(_folder, "topology.yaml");

    /// <summary>The configuration file.</summary>
    internal static string Describe(TopologyOptions options, string controller)
    {
        TopologyShape shape = options.Shape;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"name: topology\ncontroller: {controller}\nfail-mode: secure\n");
        if (shape.HasLoop)
        {
            text.Append("stp: true\n");
        }
        text.Append("switches:\n");
        for (int place = 0; place < shape.Switches; place++)
        {
            text.Append(CultureInfo.InvariantCulture, $"  - name: {NameOf(place)}\n    datapath-id: {place + 1:x}\n    port:\n");
            foreach ((ushort number, int? host, int cable, bool isFar) in PortsOf(shape, place).OrderBy(port => port.Number))
            {
                string spec = host is int of ? $"packet:{TopologyNetwork.HostInterface(of)}"
                    : options.Links == TopologyLinks.Patch ? $"patch:{TopologyNetwork.CableName(cable)}"
                    : $"packet:{TopologyNetwork.CableInterface(cable, isFar)}";
                text.Append(CultureInfo.InvariantCulture, $"      - {number}={spec}\n");
            }
        }
        return text.ToString();
    }

    public override void Start()
    {
        string[] command = [.. SelfExecutable.Switch, "run", "--config", ConfigurationFile];
        try
        {
            // Control sockets in a folder of its own: their names meet no other switch's.
            _program = RunningCommand.Start(
                command[0], command[1..], new Dictionary<string, string> { ["SOFTSWITCH_RUNDIR"] = _folder }, _network.Place).KilledBy(_cancellation);
        }
        catch (Win32Exception e)
        {
            throw new OptionException($"the switches do not start: {e.Message}", e);
        }
    }

    public override string? FindFailure() => _program!.HasExited ? $"the switches have ended: {_program.LastLines}" : null;

    public override void Dispose()
    {
        _program?.End();
        _program?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
