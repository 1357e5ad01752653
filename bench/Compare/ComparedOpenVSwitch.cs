using System.Diagnostics;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
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
        : base("openVSwitch")
    {
        (int worker, int[] others) = WorkerPlacement.ProcessorsOfOneWorker();
        _daemons = new OvsDaemons(installation, cancellation);
        try
        {
            string capture = Path.Combine(_daemons.Folder, "input.pcap");
            if (frames != null)
            {
                PcapFile.Write(capture, frames);
            }
            // Its bridge has a TAP device: in a namespace of its own it is in no other program's way.
            using NetworkNamespace network = NetworkNamespace.Create();
            _client = _daemons.OpenBridge(
                Bridge, [$"pmd-cpu-mask={OvsDaemons.Mask([worker])}", .. OvsDaemons.DpdkSettings(MemoryMiB, HasHugePages, others), .. settings],
                network, processor: null, Patience,
                [
                    .. frames == null ? [] : ((string, ushort, string, string[])[])[Port("input", Input, $"net_pcap0,rx_pcap={capture},infinite_rx=1")],
                    Port("sink", Sink, "net_null1,no-rx=1"),
                ]);
            Rest();
        }
        catch
        {
            Dispose();
            throw;
        }

        static (string, ushort, string, string[]) Port(string name, ushort number, string device) =>
            (name, number, "dpdk", [$"options:dpdk-devargs=\"{device}\""]);
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

    public override Func<Interference> Watch() => new MachineWatch(_daemons.ProcessId).ReadProcesses;

    public override void Dispose()
    {
        _client?.Dispose();
        _daemons.Dispose();
    }

    private OvsPmdStatistics ReadLookups() => OvsPmdStatistics.Parse(_daemons.Ask("dpif-netdev/pmd-stats-show"));
}
