using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Softswitch.Configuration;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Pcap;

namespace Softswitch.Benchmarks.Compare;

/// <summary>Open vSwitch with DPDK, run for the comparison alone.</summary>
/// <remarks>
/// <code>
/// port 1   net_pcap0 with infinite_rx: all frames in a ring, each copied into a fresh mbuf
/// port 2   net_null1 with no-rx: counts and drops (without no-rx it also invents packets, and half the work is theirs)
/// </code>
/// Database, sockets, logs and DPDK's run-time files are in a temporary folder, its TAP devices in a network namespace: another Open vSwitch
/// on the machine is not touched, nor what people see of its network. One
/// thread forwards, on the processor our worker has; all others are kept off it. It stands still by SIGSTOP, so both switches
/// can take turns on one processor; <c>max-idle</c> is raised so that its megaflows survive that. All else is as it comes.
/// </remarks>
internal sealed class OvsSwitch : ComparedSwitch
{
    /// <summary>MiB that DPDK reserves: 262,144 mbufs.</summary>
    public const int MemoryMiB = 1024;

    private const string Bridge = "compare";
    private const int MaxIdleMilliseconds = 600_000;
    private const int LongestWarmUpSeconds = 60;
    private static readonly TimeSpan ToolLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan WarmUpStep = TimeSpan.FromMilliseconds(500);

    private readonly OvsInstallation _installation;
    private readonly string _folder;
    private readonly Dictionary<string, string> _environment;
    private readonly CancellationToken _cancellation;
    private Daemon? _database;
    private Daemon? _switch;
    private readonly OfClient? _client;

    /// <summary>Starts it; it stands still then.</summary>
    /// <param name="frames">What port 1 receives; null for a switch without port 1.</param>
    /// <param name="settings">More <c>other_config</c>, as KEY=VALUE.</param>
    /// <exception cref="OptionException">It does not start, and why.</exception>
    public OvsSwitch(OvsInstallation installation, IEnumerable<ReadOnlyMemory<byte>>? frames, IReadOnlyList<string> settings, CancellationToken cancellation)
    {
        _installation = installation;
        _cancellation = cancellation;
        _folder = Directory.CreateTempSubdirectory("softswitch-compare-").FullName;
        _environment = new Dictionary<string, string>
        {
            ["OVS_RUNDIR"] = _folder,
            ["OVS_LOGDIR"] = _folder,
            ["OVS_DBDIR"] = _folder,
            ["OVS_SYSCONFDIR"] = _folder,
            ["RUNTIME_DIRECTORY"] = _folder, // DPDK's, else /var/run/dpdk
        };
        try
        {
            StartDatabase(settings);
            StartSwitch();
            AddPorts(frames);
            _client = Connect();
            Rest();
        }
        catch (Win32Exception e)
        {
            Dispose();
            throw new OptionException($"Open vSwitch does not start: {e.Message}", e);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override OfClient Client => _client!;

    /// <summary>Where its packets were found while it warmed up, after the first upcalls were done.</summary>
    public OvsPmdStatistics Lookups { get; private set; }

    /// <summary>Whether there are free huge pages for it; with small pages it misses the TLB more often.</summary>
    public static bool HasHugePages { get; } = FreeHugePagesMiB() > MemoryMiB;

    private string Database => $"unix:{Path.Combine(_folder, "db.sock")}";

    private string ControlSocket => Path.Combine(_folder, "switch.ctl");

    private string LogFile => Path.Combine(_folder, "switch.log");

    public override void Resume() => _switch!.Continue();

    public override void Rest() => _switch!.Stop();

    /// <summary>Until no more packets go to the OpenFlow tables: every flow has its entry in the datapath.</summary>
    public override void WarmUp(double seconds, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        OvsPmdStatistics last = ReadLookups();
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < LongestWarmUpSeconds)
        {
            cancellation.WaitHandle.WaitOne(WarmUpStep);
            cancellation.ThrowIfCancellationRequested();
            OvsPmdStatistics now = ReadLookups();
            Lookups = now - last;
            last = now;
            if (Lookups.Upcalls == 0)
            {
                return;
            }
        }
    }

    public override void Dispose()
    {
        _client?.Dispose();
        _switch?.Dispose();
        _database?.Dispose();
        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Someone cleaned up before us.
        }
    }

    private void StartDatabase(IReadOnlyList<string> settings)
    {
        string file = Path.Combine(_folder, "conf.db");
        Run(_installation.DatabaseTool, "create", file, _installation.Schema);
        _database = Daemon.Start(
            _installation.DatabaseServer,
            [file, $"--remote=p{Database}", $"--unixctl={Path.Combine(_folder, "database.ctl")}", $"--log-file={Path.Combine(_folder, "database.log")}", "-vconsole:off"],
            _environment);
        (int worker, int[] others) = WorkerPlacement.ProcessorsOfOneWorker();
        string memory = HasHugePages ? "--in-memory" : "--no-huge --legacy-mem";
        Configure("--no-wait", "init");
        Configure(
        [
            "--no-wait", "set", "Open_vSwitch", ".",
            "other_config:dpdk-init=true",
            $"other_config:dpdk-extra=--no-pci --no-telemetry {memory} -m {MemoryMiB.ToString(CultureInfo.InvariantCulture)}",
            $"other_config:pmd-cpu-mask={Mask([worker])}",
            $"other_config:dpdk-lcore-mask={Mask(others)}",
            $"other_config:max-idle={MaxIdleMilliseconds.ToString(CultureInfo.InvariantCulture)}",
            .. settings.Select(setting => $"other_config:{setting}"),
        ]);
    }

    /// <summary>In a network namespace of its own, where its bridge has a TAP device that nobody else sees.</summary>
    private void StartSwitch()
    {
        try
        {
            using NetworkNamespace network = NetworkNamespace.Create();
            _switch = Daemon.Start(
                _installation.Switch, [Database, $"--unixctl={ControlSocket}", $"--log-file={LogFile}", "-vconsole:off"], _environment, network);
        }
        catch (SystemCallException e) when (e.IsRefusal)
        {
            throw new OptionException($"Open vSwitch gets a network namespace of its own ({e.Message}): run it as root", e);
        }
    }

    private void AddPorts(IEnumerable<ReadOnlyMemory<byte>>? frames)
    {
        Configure("add-br", Bridge, "--", "set", "bridge", Bridge, "datapath_type=netdev", "fail-mode=secure", "protocols=OpenFlow10");
        if (frames != null)
        {
            string capture = Path.Combine(_folder, "input.pcap");
            PcapFile.Write(capture, frames);
            AddPort("input", Input, $"net_pcap0,rx_pcap={capture},infinite_rx=1");
        }
        AddPort("sink", Sink, "net_null1,no-rx=1");
    }

    private void AddPort(string name, ushort number, string device)
    {
        Configure(
            "add-port", Bridge, name, "--", "set", "Interface", name, "type=dpdk", $"options:dpdk-devargs=\"{device}\"",
            $"ofport_request={number.ToString(CultureInfo.InvariantCulture)}");
        string error = Configure("get", "Interface", name, "error").Trim();
        if (error != "[]")
        {
            throw new OptionException($"Open vSwitch does not take {device}: {error.Trim('"')}{LogLines()}");
        }
    }

    private OfClient Connect()
    {
        string socket = $"{Path.Combine(_folder, Bridge)}.mgmt";
        return File.Exists(socket)
            ? OfClient.Connect($"unix:{socket}", Patience)
            : throw new OptionException($"Open vSwitch makes no bridge{LogLines()}");
    }

    private OvsPmdStatistics ReadLookups() => OvsPmdStatistics.Parse(Run(_installation.Ask, "-t", ControlSocket, "dpif-netdev/pmd-stats-show"));

    private string Configure(params string[] arguments) => Run(_installation.Configure, [$"--db={Database}", "--retry", "-t", "30", .. arguments]);

    private string Run(string program, params string[] arguments)
    {
        ToolResult result = Tool.Run(program, arguments, ToolLimit, _cancellation, _environment, () => _switch?.HasEnded == true);
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

    private static string Mask(int[] processors)
    {
        System.Numerics.BigInteger mask = 0;
        foreach (int processor in processors)
        {
            mask |= System.Numerics.BigInteger.One << processor;
        }
        return $"0x{mask:x}";
    }

    private static long FreeHugePagesMiB()
    {
        long Read(string name) => Machine.ReadMemory(name);
        return Read("HugePages_Free") * Read("Hugepagesize") / 1024;
    }
}
