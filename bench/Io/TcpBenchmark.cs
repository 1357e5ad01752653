using System.Text.Json.Nodes;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Io;

/// <summary>One TCP stream between two hosts through a switch in a process of its own, switches in turns.</summary>
/// <remarks>
/// This switch takes the hosts' packets as their stacks send them. Open vSwitch is set up as its documentation wants it, since it delivers next to
/// nothing otherwise: <c>userspace-tso-enable</c> for AF_PACKET, transmit offloads of the hosts off for AF_XDP.
/// </remarks>
internal static class TcpBenchmark
{
    /// <param name="cancellation">Ends it early, with the rounds measured until then; all that was started is ended by then.</param>
    /// <exception cref="OptionException">It cannot be measured here, and why.</exception>
    public static BenchResult Run(IoOptions options, Action<string> progress, CancellationToken cancellation)
    {
        (int hosts, int device) = IoBenchmark.Processors();
        var result = new BenchResult("io");
        var rows = new JsonArray();
        var table = new TextTable(["backend", .. TcpSide.Headings]);
        foreach (IoBackend backend in options.Backends.TakeWhile(_ => !cancellation.IsCancellationRequested))
        {
            List<TcpSide> sides = [];
            void Say(string text) => progress($"{IoBenchmark.Text(backend)}: {text}");
            try
            {
                cancellation.Attempt(() =>
                {
                    Say("starts and warms up");
                    Start(sides, options, backend, hosts, device, cancellation);
                    TcpSide.Measure(sides, options.Rounds, TimeSpan.FromSeconds(options.Seconds), Say, cancellation);
                });
                TcpSide.Report(result, sides, ("backend", IoBenchmark.Text(backend)), rows, table);
            }
            catch (CompareException e)
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
        result.Add("frame", options.FrameLength);
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
            var testbed = new TcpTestbed(hosts, offloads, options.FrameLength);
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
            sides[^1].WarmUp(cancellation);
        }
    }
}
