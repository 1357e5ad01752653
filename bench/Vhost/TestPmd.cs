using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Headers;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Vhost;

/// <summary>What testpmd counted on both of its ports since the reading before.</summary>
/// <param name="ReceivedPerSecond">Packets a second, by its own clock.</param>
/// <param name="SentPerSecond">Packets a second that the switch's rings had room for.</param>
/// <param name="Received">Packets.</param>
/// <param name="Sent">Packets.</param>
/// <param name="Refused">Packets it made and threw away, as the rings were full.</param>
internal readonly record struct TestPmdCounts(double ReceivedPerSecond, double SentPerSecond, long Received, long Sent, long Refused);

/// <summary>DPDK's testpmd as a guest with two network cards: on each it sends as much as goes, and throws away what arrives.</summary>
/// <remarks>
/// Its cards are virtio_user ports, that listen; forward mode flowgen, one thread. Its flows differ in nw_dst alone. Threads: one.
/// </remarks>
internal sealed partial class TestPmd : IDisposable
{
    /// <summary>The command that installs it on Debian and Ubuntu; the drivers' packages carry DPDK's version in their names.</summary>
    public const string InstallLine = "apt-get install dpdk-dev '^librte-net-virtio[0-9]' '^librte-mempool-ring'";

    /// <summary>Of a guest's memory.</summary>
    public const int MemoryMiB = 128;

    private const string Program = "dpdk-testpmd";
    private const int Buffers = 16_384;

    // What flowgen fills in (app/test-pmd/flowgen.c), and what it counts up.
    private const ulong DlSrc = 0x0001_0203_0400;
    private const ulong DlDst = 0x0001_0203_0401;
    private const uint NwSrc = 0x0afe_0000;
    private const uint FirstNwDst = 0x0afd_0000;
    private const ushort TpSrc = 1000;
    private const ushort TpDst = 1001;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-testpmd-").FullName;
    private readonly RunningCommand _process;
    private readonly CancellationToken _cancellation;
    private TestPmdTotals _last;

    /// <summary>Starts it. It waits until both of its sockets are connected.</summary>
    /// <param name="frameLength">Bytes with FCS.</param>
    /// <param name="hugePages">Whether its memory is in huge pages.</param>
    /// <param name="network">Where it runs.</param>
    /// <param name="processor">The only one its threads may use.</param>
    /// <exception cref="OptionException">It does not start, and why.</exception>
    public TestPmd(int frameLength, int flows, bool hugePages, NetworkNamespace network, int processor, CancellationToken cancellation)
    {
        _cancellation = cancellation;
        Sockets = [Path.Combine(_folder, "1.sock"), Path.Combine(_folder, "2.sock")];
        string where = processor.ToString(CultureInfo.InvariantCulture);
        string[] arguments =
        [
            "-oL", Program, // its output would wait in a buffer
            "--lcores", $"0@{where},1@{where}", "-m", MemoryMiB.ToString(CultureInfo.InvariantCulture), hugePages ? "--in-memory" : "--no-huge",
            "--no-pci", "--no-telemetry", "--single-file-segments", "--iova-mode=va", "--file-prefix=guest",
            .. Sockets.Select((path, port) => $"--vdev=net_virtio_user{port.ToString(CultureInfo.InvariantCulture)},path={path},server=1"),
            "--", "-i", "--nb-cores=1", "--forward-mode=flowgen", $"--flowgen-flows={flows.ToString(CultureInfo.InvariantCulture)}",
            $"--txpkts={frameLength.ToString(CultureInfo.InvariantCulture)}", $"--total-num-mbufs={Buffers.ToString(CultureInfo.InvariantCulture)}", "--no-flush-rx",
        ];
        var environment = new Dictionary<string, string> { ["RUNTIME_DIRECTORY"] = _folder };
        try
        {
            _process = RunningCommand.Start("stdbuf", arguments, environment, network, processor, listens: true).KilledBy(cancellation);
            _process.WaitForText("waiting for client connection", Patience, () => cancellation.IsCancellationRequested);
        }
        catch (Exception e) when (e is Win32Exception or TimeoutException)
        {
            string said = _process?.LastLines ?? e.Message;
            Dispose();
            cancellation.ThrowIfCancellationRequested();
            throw new OptionException($"testpmd does not start: {said}", e);
        }
    }

    public int ProcessId => _process.ProcessId;

    /// <summary>Where its cards listen for the switch.</summary>
    public IReadOnlyList<string> Sockets { get; }

    /// <summary>Missing programs and libraries, a line each.</summary>
    public static IEnumerable<string> FindMissing()
    {
        if (OvsInstallation.FindProgram(Program) == null)
        {
            yield return $"{Program} is not there";
        }
        foreach (string driver in (string[])["librte_net_virtio", "librte_mempool_ring"])
        {
            if (!OvsInstallation.HasDriver(driver))
            {
                yield return $"DPDK's driver {driver}.so is not there";
            }
        }
    }

    /// <summary>The headers of a flow's packets.</summary>
    public static FlowHeaders FieldsOf(int flow) => new(DlSrc, DlDst, IpProtocol.Udp, NwSrc, FirstNwDst + (uint)flow, TpSrc, TpDst);

    /// <summary>Begins to send, once the switch is at its sockets; returns when packets come back.</summary>
    /// <exception cref="CompareException">None do.</exception>
    public void Begin()
    {
        try
        {
            // Behind this it reads its first command.
            _process.WaitForText("Done", Patience, () => _cancellation.IsCancellationRequested);
            _process.Say("start");
            long began = Stopwatch.GetTimestamp();
            while (Read().Received == 0)
            {
                _cancellation.ThrowIfCancellationRequested();
                if (Stopwatch.GetElapsedTime(began) > Patience)
                {
                    throw new CompareException($"no packet comes back to testpmd; it said: {_process.LastLines}");
                }
                _cancellation.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(100));
            }
        }
        catch (TimeoutException e)
        {
            _cancellation.ThrowIfCancellationRequested();
            throw new CompareException($"testpmd does not begin: {_process.LastLines}", e);
        }
    }

    /// <summary>What it counted since it was read last.</summary>
    /// <exception cref="CompareException">It does not answer.</exception>
    public TestPmdCounts Read()
    {
        int from = _process.Output.Length;
        _process.Say("show port stats all");
        _process.Say("show fwd stats all");
        long began = Stopwatch.GetTimestamp();
        TestPmdTotals? totals;
        while ((totals = TestPmdTotals.TryParse(_process.Output[from..])) == null)
        {
            _cancellation.ThrowIfCancellationRequested();
            if (_process.HasExited || Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new CompareException($"testpmd does not answer; it said: {_process.LastLines}");
            }
            _cancellation.WaitHandle.WaitOne(Poll);
        }
        TestPmdTotals now = totals.Value;
        var counts = new TestPmdCounts(
            now.ReceivedPerSecond, now.SentPerSecond, now.Received - _last.Received, now.Sent - _last.Sent, now.Refused - _last.Refused);
        _last = now;
        return counts;
    }

    /// <summary>All its threads stand still.</summary>
    public void Rest() => _process.Stop();

    public void Resume() => _process.Continue();

    public void Dispose()
    {
        _process?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>What it prints: of both ports together.</summary>
    internal readonly partial record struct TestPmdTotals(double ReceivedPerSecond, double SentPerSecond, long Received, long Sent, long Refused)
    {
        private const int Ports = 2;

        /// <summary>Reads the answers to <c>show port stats all</c> and <c>show fwd stats all</c>; null as long as they are not complete.</summary>
        public static TestPmdTotals? TryParse(string text)
        {
            int forward = text.IndexOf("Accumulated forward statistics", StringComparison.Ordinal);
            double[] Numbers(Regex expression, string part) =>
                [.. expression.Matches(part).Select(match => double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture))];
            if (forward < 0 || Numbers(Refusals(), text[forward..]) is not [double refused])
            {
                return null;
            }
            string ports = text[..forward];
            double[] receiveRates = Numbers(ReceiveRates(), ports);
            double[] sendRates = Numbers(SendRates(), ports);
            double[] received = Numbers(ReceivedPackets(), ports);
            double[] sent = Numbers(SentPackets(), ports);
            return receiveRates.Length < Ports || sendRates.Length < Ports || received.Length < Ports || sent.Length < Ports
                ? null
                : new TestPmdTotals(
                    receiveRates.Take(Ports).Sum(), sendRates.Take(Ports).Sum(), (long)received.Take(Ports).Sum(), (long)sent.Take(Ports).Sum(), (long)refused);
        }

        [GeneratedRegex(@"Rx-pps:\s+(\d+)\s")]
        private static partial Regex ReceiveRates();

        [GeneratedRegex(@"Tx-pps:\s+(\d+)\s")]
        private static partial Regex SendRates();

        [GeneratedRegex(@"RX-packets: (\d+)\s+RX-missed")]
        private static partial Regex ReceivedPackets();

        [GeneratedRegex(@"TX-packets: (\d+)\s+TX-errors")]
        private static partial Regex SentPackets();

        [GeneratedRegex(@"TX-dropped: (\d+)\s")]
        private static partial Regex Refusals();
    }
}
