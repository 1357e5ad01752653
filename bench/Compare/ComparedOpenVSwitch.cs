using System.Diagnostics;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Pcap;

namespace Softswitch.Bench.Compare;

/// <summary>Open vSwitch with DPDK, run for the comparison alone.</summary>
/// <remarks>
/// <code>
/// port 1   net_pcap0 with infinite_rx: all frames in a ring, each copied into a fresh mbuf
/// port 2   net_null1 with no-rx: counts and drops (without no-rx it also invents packets, and half the work is theirs)
/// </code>
/// Its TAP devices are in a network namespace of its own: what people see of the machine's network is not touched. One thread forwards, on the processor our worker has; all others are kept off it. It stands still by SIGSTOP, so both switches
/// can take turns on one processor; <c>max-idle</c> is raised so that its megaflows survive that. All else is as it comes.
/// </remarks>
internal sealed class ComparedOpenVSwitch : ComparedSwitch
{
    /// <summary>MiB that DPDK reserves: 262,144 mbufs.</summary>
    public const int MemoryMiB = 1024;

    private const string Bridge = "compare";
    private const int LongestWarmUpSeconds = 60;
    private static readonly TimeSpan WarmUpStep = TimeSpan.FromMilliseconds(500);

    private readonly OvsDaemons _daemons;
    private readonly OfClient? _client;

    /// <summary>Starts it; it stands still then.</summary>
    /// <param name="frames">What port 1 receives; null for a switch without port 1.</param>
    /// <param name="settings">More <c>other_config</c>, as KEY=VALUE.</param>
    /// <exception cref="OptionException">It does not start, and why.</exception>
    public ComparedOpenVSwitch(OvsInstallation installation, IEnumerable<ReadOnlyMemory<byte>>? frames, IReadOnlyList<string> settings, CancellationToken cancellation)
    {
        _daemons = new OvsDaemons(installation, cancellation);
        try
        {
            _daemons.StartDatabase();
            Configure(settings);
            StartSwitch();
            AddPorts(frames);
            _client = _daemons.Connect(Bridge, Patience);
            Rest();
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
    public static bool HasHugePages { get; } = ReservedHugePages.FreeMiB > MemoryMiB;

    public override void Resume() => _daemons.Continue();

    public override void Rest() => _daemons.Stop();

    /// <summary>Until no more packets go to the OpenFlow tables: every flow has its entry in the datapath.</summary>
    public override void WarmUp(double seconds, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        OvsPmdStatistics last = ReadLookups();
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < LongestWarmUpSeconds)
        {
            cancellation.Wait(WarmUpStep);
            OvsPmdStatistics now = ReadLookups();
            Lookups = now - last;
            last = now;
            if (Lookups.Upcalls == 0)
            {
                return;
            }
        }
    }

    public override Func<Disturbance> Watch() => new MachineWatch(_daemons.ProcessId).ReadProcesses;

    public override void Dispose()
    {
        _client?.Dispose();
        _daemons.Dispose();
    }

    private void Configure(IReadOnlyList<string> settings)
    {
        (int worker, int[] others) = WorkerPlacement.ProcessorsOfOneWorker();
        _daemons.Configure(
        [
            "--no-wait", "set", "Open_vSwitch", ".",
            $"other_config:pmd-cpu-mask={OvsDaemons.Mask([worker])}",
            .. OvsDaemons.DpdkSettings(MemoryMiB, HasHugePages, others).Concat(settings).Select(setting => $"other_config:{setting}"),
        ]);
    }

    /// <summary>In a network namespace of its own, where its bridge has a TAP device that nobody else sees.</summary>
    private void StartSwitch()
    {
        try
        {
            using NetworkNamespace network = NetworkNamespace.Create();
            _daemons.StartSwitch(network);
        }
        catch (SystemCallException e) when (e.IsRefusal)
        {
            throw new OptionException($"Open vSwitch gets a network namespace of its own ({e.Message}): run it as root", e);
        }
    }

    private void AddPorts(IEnumerable<ReadOnlyMemory<byte>>? frames)
    {
        _daemons.Configure("add-br", Bridge, "--", "set", "bridge", Bridge, "datapath_type=netdev", "fail-mode=secure", "protocols=OpenFlow10");
        if (frames != null)
        {
            string capture = Path.Combine(_daemons.Folder, "input.pcap");
            PcapFile.Write(capture, frames);
            AddPort("input", Input, $"net_pcap0,rx_pcap={capture},infinite_rx=1");
        }
        AddPort("sink", Sink, "net_null1,no-rx=1");
    }

    private void AddPort(string name, ushort number, string device)
    {
        _daemons.AddPort(Bridge, name, number, "dpdk", device, $"options:dpdk-devargs=\"{device}\"");
    }

    private OvsPmdStatistics ReadLookups() => OvsPmdStatistics.Parse(_daemons.Ask("dpif-netdev/pmd-stats-show"));
}
