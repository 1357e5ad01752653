using System.ComponentModel;
using System.Globalization;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Compare;

/// <summary>An Open vSwitch of our own: database and switch, ended with it.</summary>
/// <remarks>
/// Database, sockets, logs and DPDK's run-time files are in a temporary folder, so that another Open vSwitch on the machine is not touched.
/// Threads: one.
/// </remarks>
internal sealed class OvsDaemons : IDisposable
{
    // So that megaflows survive while it stands still and another switch is measured.
    private const int MaxIdleMilliseconds = 600_000;

    private static readonly TimeSpan ToolLimit = TimeSpan.FromSeconds(30);

    private readonly OvsInstallation _installation;
    private readonly Dictionary<string, string> _environment;
    private readonly CancellationToken _cancellation;
    private RunningCommand? _database;
    private RunningCommand? _switch;

    public OvsDaemons(OvsInstallation installation, CancellationToken cancellation)
    {
        _installation = installation;
        _cancellation = cancellation;
        Folder = Directory.CreateTempSubdirectory("softswitch-compare-").FullName;
        _environment = new Dictionary<string, string>
        {
            ["OVS_RUNDIR"] = Folder,
            ["OVS_LOGDIR"] = Folder,
            ["OVS_DBDIR"] = Folder,
            ["OVS_SYSCONFDIR"] = Folder,
            ["RUNTIME_DIRECTORY"] = Folder, // DPDK's, else /var/run/dpdk
        };
    }

    /// <summary>For whatever goes with the switch.</summary>
    public string Folder { get; }

    /// <summary>Of the switch.</summary>
    public int ProcessId => _switch!.ProcessId;

    /// <summary>Of the switch and its database.</summary>
    public IEnumerable<int> ProcessIds => [_switch!.ProcessId, _database!.ProcessId];

    /// <summary>Whether the switch has ended.</summary>
    public bool HasExited => _switch!.HasExited;

    private string Database => $"unix:{Path.Combine(Folder, "db.sock")}";

    private string ControlSocket => Path.Combine(Folder, "switch.ctl");

    private string LogFile => Path.Combine(Folder, "switch.log");

    /// <summary>Starts the database, empty.</summary>
    /// <exception cref="OptionException">It does not start, and why.</exception>
    public void StartDatabase()
    {
        string file = Path.Combine(Folder, "conf.db");
        Run(_installation.DatabaseTool, "create", file, _installation.Schema);
        _database = Start(
            _installation.DatabaseServer,
            [file, $"--remote=p{Database}", $"--unixctl={Path.Combine(Folder, "database.ctl")}", $"--log-file={Path.Combine(Folder, "database.log")}", "-vconsole:off"]);
        Configure("--no-wait", "init");
    }

    /// <summary>Starts the switch by what the database says.</summary>
    /// <param name="network">Where it starts.</param>
    /// <param name="processor">The only one its threads may use; null for all.</param>
    public void StartSwitch(NetworkNamespace network, int? processor = null) => _switch = Start(
        _installation.Switch, [Database, $"--unixctl={ControlSocket}", $"--log-file={LogFile}", "-vconsole:off"], network, processor);

    /// <summary>Starts database and switch, with one bridge.</summary>
    /// <param name="settings"><c>other_config</c>, as KEY=VALUE.</param>
    /// <param name="network">As of <see cref="StartSwitch"/>.</param>
    /// <param name="processor">As of <see cref="StartSwitch"/>.</param>
    /// <param name="ports">Of the bridge; columns are as COLUMN:KEY=VALUE.</param>
    /// <returns>A connection with the bridge.</returns>
    /// <exception cref="OptionException">It does not start, and why.</exception>
    public OfClient OpenBridge(
        string bridge, IEnumerable<string> settings, NetworkNamespace network, int? processor, TimeSpan patience,
        params (string Name, ushort Number, string Type, string[] Columns)[] ports)
    {
        StartDatabase();
        Configure(["--no-wait", "set", "Open_vSwitch", ".", .. settings.Select(setting => $"other_config:{setting}")]);
        StartSwitch(network, processor);
        Configure("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev", "fail-mode=secure", "protocols=OpenFlow10");
        foreach ((string name, ushort number, string type, string[] columns) in ports)
        {
            Configure(["add-port", bridge, name, "--", "set", "Interface", name, $"type={type}", $"ofport_request={number}", .. columns]);
            string error = Configure("get", "Interface", name, "error").Trim();
            if (error != "[]")
            {
                throw new OptionException($"Open vSwitch does not take {name} as {type}: {error.Trim('"')}{LogLines()}");
            }
        }
        string socket = $"{Path.Combine(Folder, bridge)}.mgmt";
        return File.Exists(socket)
            ? OfClient.Connect($"unix:{socket}", patience)
            : throw new OptionException($"Open vSwitch makes no bridge{LogLines()}");
    }

    /// <summary>ovs-vsctl.</summary>
    public string Configure(params string[] arguments) => Run(_installation.Configure, [$"--db={Database}", "--retry", "-t", "30", .. arguments]);

    /// <summary>ovs-appctl to the switch.</summary>
    public string Ask(string command) => Run(_installation.Ask, "-t", ControlSocket, command);

    /// <summary>All threads of the switch stand still.</summary>
    public void Stop() => _switch!.Stop();

    public void Continue() => _switch!.Continue();

    /// <summary>As Open vSwitch writes sets of processors.</summary>
    public static string Mask(int[] processors)
    {
        System.Numerics.BigInteger mask = 0;
        foreach (int processor in processors)
        {
            mask |= System.Numerics.BigInteger.One << processor;
        }
        return $"0x{mask:x}";
    }

    /// <summary>What it needs to forward with DPDK, as KEY=VALUE of <c>other_config</c>.</summary>
    /// <param name="memoryMiB">That DPDK reserves.</param>
    /// <param name="hugePages">Whether that memory is in huge pages.</param>
    /// <param name="processors">Of its threads that do not forward.</param>
    public static IEnumerable<string> DpdkSettings(int memoryMiB, bool hugePages, int[] processors) =>
    [
        "dpdk-init=true",
        $"dpdk-extra=--no-pci --no-telemetry {(hugePages ? "--in-memory" : "--no-huge --legacy-mem")} -m {memoryMiB.ToString(CultureInfo.InvariantCulture)}",
        $"dpdk-lcore-mask={Mask(processors)}",
        $"max-idle={MaxIdleMilliseconds.ToString(CultureInfo.InvariantCulture)}",
    ];

    public void Dispose()
    {
        foreach (RunningCommand? daemon in (ReadOnlySpan<RunningCommand?>)[_switch, _database])
        {
            daemon?.End();
            daemon?.Dispose();
        }
        try
        {
            Directory.Delete(Folder, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Someone cleaned up before us.
        }
    }

    private RunningCommand Start(string program, string[] arguments, NetworkNamespace? network = null, int? processor = null)
    {
        try
        {
            return RunningCommand.Start(program, arguments, _environment, network, processor).KilledBy(_cancellation);
        }
        catch (Win32Exception e)
        {
            throw new OptionException($"Open vSwitch does not start: {e.Message}", e);
        }
    }

    private string Run(string program, params string[] arguments)
    {
        CommandResult result = RunningCommand.Try(program, arguments, ToolLimit, _cancellation, _environment, () => _switch?.HasExited == true);
        return result.ExitCode == 0
            ? result.Output
            : throw new OptionException($"{Path.GetFileName(program)} {string.Join(' ', arguments)}: {result.Error.Trim().ReplaceLineEndings("; ")}{LogLines()}");
    }

    /// <summary>What the switch complained of last.</summary>
    private string LogLines()
    {
        string[] lines = File.Exists(LogFile) ? File.ReadAllLines(LogFile) : [];
        string[] complaints = [.. lines.Where(line => line.Contains("|ERR|", StringComparison.Ordinal) || line.Contains("|EMER|", StringComparison.Ordinal))];
        return complaints.Length == 0 ? string.Empty : "\n" + string.Join('\n', complaints.TakeLast(3));
    }
}
