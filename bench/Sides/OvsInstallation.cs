using Softswitch.Lab;

namespace Softswitch.Bench.Sides;

/// <summary>Open vSwitch as it is installed here, with DPDK or without.</summary>
/// <param name="Version">As the switch says it: <c>Open vSwitch 3.1.0, DPDK 22.11.11</c>.</param>
internal sealed record OvsInstallation(string Switch, string DatabaseServer, string DatabaseTool, string Configure, string Ask, string Schema, string Version)
{
    /// <summary>What brings everything on Debian and Ubuntu; the drivers' packages carry DPDK's version in their names.</summary>
    public const string DpdkInstallLine = "apt-get install openvswitch-switch-dpdk '^librte-net-(pcap|null)' '^librte-mempool-ring'";

    public const string PlainInstallLine = "apt-get install openvswitch-switch";

    private const string SchemaFile = "/usr/share/openvswitch/vswitch.ovsschema";

    // Debian's builds; elsewhere the only one may have DPDK.
    private static readonly string[] DpdkCandidates = ["/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", "ovs-vswitchd"];
    private static readonly string[] PlainCandidates = ["/usr/lib/openvswitch-switch/ovs-vswitchd", "ovs-vswitchd"];

    // DPDK loads its drivers from here; it does not say which are missing.
    private static readonly string[] Drivers = ["librte_net_pcap", "librte_net_null", "librte_mempool_ring"];
    private static readonly string[] LibraryFolders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib", "/usr/local/lib64"];

    /// <summary>Looks for everything that is needed.</summary>
    /// <param name="vswitchd">The switch's program; null for the usual places.</param>
    /// <param name="needsDpdk">Whether DPDK and the drivers for ports in memory are needed.</param>
    /// <param name="missing">A line for each thing that is not there.</param>
    public static OvsInstallation? Find(string? vswitchd, bool needsDpdk, out IReadOnlyList<string> missing)
    {
        var lines = new List<string>();
        string? found = (vswitchd != null ? [vswitchd] : needsDpdk ? DpdkCandidates : PlainCandidates).Select(FindProgram).FirstOrDefault(path => path != null);
        string version = found == null ? string.Empty : ReadVersion(found);
        if (found == null)
        {
            lines.Add($"{vswitchd ?? (needsDpdk ? "ovs-vswitchd-dpdk" : "ovs-vswitchd")} is not there");
        }
        else if (needsDpdk && !version.Contains("DPDK", StringComparison.Ordinal))
        {
            lines.Add($"{found} is built without DPDK");
        }
        string Need(string name)
        {
            string? path = FindProgram(name);
            if (path == null)
            {
                lines.Add($"{name} is not there");
            }
            return path ?? name;
        }
        var installation = new OvsInstallation(
            found ?? string.Empty, Need("ovsdb-server"), Need("ovsdb-tool"), Need("ovs-vsctl"), Need("ovs-appctl"), SchemaFile, version);
        if (!File.Exists(SchemaFile))
        {
            lines.Add($"{SchemaFile} is not there");
        }
        lines.AddRange(Drivers.Where(driver => needsDpdk && !HasDriver(driver)).Select(driver => $"DPDK's driver {driver}.so is not there"));
        missing = lines;
        return lines.Count == 0 ? installation : null;
    }

    public static string? FindProgram(string name) => name.Contains('/', StringComparison.Ordinal)
        ? (File.Exists(name) ? name : null)
        : (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Append("/usr/sbin").Append("/sbin")
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    public static bool HasDriver(string name) =>
        LibraryFolders.Where(Directory.Exists).Any(folder => Directory.EnumerateFiles(folder, $"{name}.so*").Any());

    private static string ReadVersion(string vswitchd)
    {
        CommandResult said = RunningCommand.Try(vswitchd, ["--version"], TimeSpan.FromSeconds(10), CancellationToken.None);
        string[] lines = said.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        int name = lines.Length > 0 ? lines[0].IndexOf("(Open vSwitch) ", StringComparison.Ordinal) : -1;
        return name < 0 ? said.Output.Trim() : string.Join(", ", lines.Skip(1).Prepend($"Open vSwitch {lines[0][(name + 15)..]}"));
    }
}
