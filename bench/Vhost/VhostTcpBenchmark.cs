using System.Text.Json.Nodes;
using Softswitch.Bench.Io;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab;
using Softswitch.Lab.Machines;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Vhost;

/// <summary>One TCP stream between two virtual machines through a switch in a process of its own, switches in turns.</summary>
/// <remarks>
/// Each switch has two guests of its own, on all processors but the switch's. Open vSwitch is set up as its documentation wants it for whole segments:
/// <c>userspace-tso-enable</c>.
/// </remarks>
internal static class VhostTcpBenchmark
{
    // A switch gives up a connection that is silent for longer.
    private static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(2);

    /// <param name="options">Rows are left out.</param>
    /// <param name="cancellation">Ends it early, with the rounds measured until then; all that was started is ended by then.</param>
    /// <exception cref="OptionException">It cannot be measured here, and why.</exception>
    public static BenchResult Run(VhostOptions options, Action<string> progress, CancellationToken cancellation)
    {
        (_, int processor) = IoBenchmark.Processors();
        var result = new BenchResult("vhost");
        var rows = new JsonArray();
        var table = new TextTable(["guests", .. TcpSide.Headings]);
        string accelerator = Acceleration.Name;
        List<TcpSide> sides = [];
        using ReservedHugePages? pages = options.OpenVSwitch == null ? null : VhostBenchmark.Reserve(options);
        try
        {
            cancellation.Attempt(() =>
            {
                using NetworkNamespace network = NetworkNamespace.Create();
                Add("softswitch", ports => new OwnIoSwitch(ports[0], ports[1], network, processor, cancellation));
                if (options.OpenVSwitch is { } installation)
                {
                    Add("openVSwitch", ports => VhostBenchmark.StartOpenVSwitch(
                        installation, [.. ports.Select(port => port[(port.IndexOf(':', StringComparison.Ordinal) + 1)..])], options.HugePages, network, processor,
                        ["userspace-tso-enable=true"], cancellation));
                }
                TcpSide.Measure(sides, options.Rounds, TimeSpan.FromSeconds(options.Seconds), progress, cancellation);
            });
        }
        catch (Exception e) when (e is CompareException or TestbedException)
        {
            result.Fail(e.Message);
        }
        catch (SystemCallException e) when (e.IsRefusal)
        {
            throw new OptionException($"network namespaces are needed ({e.Message}): run it as root", e);
        }
        finally
        {
            sides.ForEach(side => side.Dispose());
        }
        TcpSide.Report(result, sides, ("guests", accelerator), rows, table);
        result.Add("tcp", rows, table);
        if (sides.Count > 1 && sides.TrueForAll(side => side.IsMeasured))
        {
            result.Add("ratio", TcpSide.Ratio(sides[0], sides[1]), 2);
        }
        VhostBenchmark.Describe(result, options);
        return result;

        void Add(string name, Func<IReadOnlyList<string>, IoSwitch> start)
        {
            progress($"{name} and its guests start");
            var testbed = new GuestTestbed(cancellation);
            try
            {
                sides.Add(new TcpSide(name, testbed, start(testbed.Ports)));
            }
            catch
            {
                testbed.Dispose();
                throw;
            }
            sides[^1].Switch.Connect();
            Boot(testbed, sides[^1].Switch, cancellation);
            sides[^1].WarmUp(cancellation);
        }
    }

    private static void Boot(GuestTestbed testbed, IoSwitch device, CancellationToken cancellation)
    {
        // A thread of its own, which starts from ours and so keeps off the switch's processor.
        Task boot = Task.Factory.StartNew(testbed.Start, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            while (!((IAsyncResult)boot).AsyncWaitHandle.WaitOne(SignOfLife))
            {
                device.Client.Barrier();
            }
        }
        catch (OfClientException) when (cancellation.IsCancellationRequested)
        {
            // The switch is killed, and so are the guests, which is what the other thread finds.
        }
        boot.GetAwaiter().GetResult();
    }
}
