using System.Globalization;
using System.Text.Json.Nodes;
using Softswitch.Bench.Compare;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;

namespace Softswitch.Bench.Io;

/// <summary>One TCP stream between two hosts through a switch in a process of its own, switches in turns.</summary>
/// <remarks>
/// This switch takes the hosts' packets as their stacks send them. Open vSwitch is set up as its documentation wants it, since it delivers next to
/// nothing otherwise: <c>userspace-tso-enable</c> for AF_PACKET, transmit offloads of the hosts off for AF_XDP.
/// </remarks>
internal static class TcpBenchmark
{
    // After each stream our compiler, which has the switch's only processor to itself then, compiles what it has seen.
    private const int WarmUps = 3;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <param name="cancellation">Ends it early; all that was started is ended by then.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="OptionException">It cannot be measured here, and why.</exception>
    public static BenchResult Run(IoOptions options, Action<string> progress, CancellationToken cancellation)
    {
        (int hosts, int device) = IoBenchmark.Processors();
        var result = new BenchResult("io");
        var rows = new JsonArray();
        var table = new TextTable("backend", "switch", "Gbit/s", "bytes a packet", "share of a core");
        foreach (IoBackend backend in options.Backends)
        {
            List<TcpSide> sides = [];
            try
            {
                Start(sides, options, backend, hosts, device, cancellation);
                for (int round = 0; round < options.Rounds; round++)
                {
                    foreach (TcpSide side in round % 2 == 0 ? sides : Enumerable.Reverse(sides))
                    {
                        progress($"{IoBenchmark.Text(backend)}: round {round + 1} of {options.Rounds}, {side.Name}");
                        side.Measure(TimeSpan.FromSeconds(options.Seconds), cancellation);
                    }
                }
                foreach (TcpSide side in sides)
                {
                    rows.Add(side.ToJson(backend));
                    table.Add(
                        IoBenchmark.Text(backend), side.Name, Format("0.00", side.GigabitsPerSecond), Format("0", side.BytesPerPacket), Format("0.00", side.CpuShare));
                }
            }
            catch (CompareException e) when (!cancellation.IsCancellationRequested)
            {
                result.Fail($"{IoBenchmark.Text(backend)}: {e.Message}");
            }
            catch (SystemCallException e) when (e.IsRefusal)
            {
                throw new OptionException($"network namespaces are needed ({e.Message}): run it as root", e);
            }
            finally
            {
                sides.ForEach(side => side.Dispose());
            }
        }
        result.Add("tcp", rows, table);
        IoBenchmark.Describe(result, options);
        return result;
    }

    private static void Start(List<TcpSide> sides, IoOptions options, IoBackend backend, int hosts, int processor, CancellationToken cancellation)
    {
        Add("softswitch", offloads: true, network => new OwnIoSwitch(backend, TcpTestbed.InputName, TcpTestbed.OutputName, network, processor, cancellation));
        if (options.OpenVSwitch is { } installation)
        {
            string[] settings = backend == IoBackend.Packet ? ["userspace-tso-enable=true"] : [];
            Add("openVSwitch", offloads: backend == IoBackend.Packet, network => new OvsIoSwitch(
                installation, backend, TcpTestbed.InputName, TcpTestbed.OutputName, network, processor, settings, cancellation));
        }

        void Add(string name, bool offloads, Func<NetworkNamespace, IoSwitch> start)
        {
            var testbed = new TcpTestbed(hosts, offloads);
            try
            {
                sides.Add(new TcpSide(name, testbed, start(testbed.Switch)));
            }
            catch
            {
                testbed.Dispose();
                throw;
            }
            sides[^1].Switch.Connect();
            for (int i = 0; i < WarmUps; i++)
            {
                _ = testbed.Measure(WarmUp, cancellation);
                cancellation.WaitHandle.WaitOne(Pause);
            }
            sides[^1].Switch.Rest();
        }
    }

    private static string Format(string format, double value) => value.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>One switch between its hosts, and what was measured of it.</summary>
    private sealed record TcpSide(string Name, TcpTestbed Testbed, IoSwitch Switch) : IDisposable
    {
        private readonly List<(double Gigabits, double BytesPerPacket, double CpuShare)> _rounds = [];

        public double GigabitsPerSecond => Statistic.Median([.. _rounds.Select(round => round.Gigabits)]);

        /// <summary>Of what arrives at port 1: whether segments are whole.</summary>
        public double BytesPerPacket => Statistic.Median([.. _rounds.Select(round => round.BytesPerPacket)]);

        public double CpuShare => Statistic.Median([.. _rounds.Select(round => round.CpuShare)]);

        public void Measure(TimeSpan duration, CancellationToken cancellation)
        {
            Switch.Resume();
            PortStatistics before = ReadInput();
            long cpu = ProcessSchedule.Nanoseconds(Switch.ProcessId);
            long began = KernelClock.Nanoseconds;
            double rate = Testbed.Measure(duration, cancellation);
            double elapsed = KernelClock.Nanoseconds - began;
            cpu = ProcessSchedule.Nanoseconds(Switch.ProcessId) - cpu;
            PortStatistics after = ReadInput();
            Switch.Rest();
            double packets = after.ReceivedPackets - before.ReceivedPackets;
            _rounds.Add((rate / 1e9, packets > 0 ? (after.ReceivedBytes - before.ReceivedBytes) / packets : 0, cpu / elapsed));
        }

        public JsonObject ToJson(IoBackend backend) => new()
        {
            ["backend"] = IoBenchmark.Text(backend),
            ["switch"] = Name,
            ["gigabitsPerSecond"] = Math.Round(GigabitsPerSecond, 3),
            ["bytesPerPacket"] = Math.Round(BytesPerPacket),
            ["cpuShare"] = Math.Round(CpuShare, 3),
            ["rounds"] = new JsonArray([.. _rounds.Select(round => (JsonNode)Math.Round(round.Gigabits, 3))]),
        };

        public void Dispose()
        {
            Switch.Dispose();
            Testbed.Dispose();
        }

        private PortStatistics ReadInput() => Switch.Client.TryReadPortStatistics(IoSwitch.Input, out List<PortStatistics> ports) && ports.Count == 1
            ? ports[0]
            : throw new CompareException("no port statistics");
    }
}
