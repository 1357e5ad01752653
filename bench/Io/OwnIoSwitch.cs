using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Reports;
using Softswitch.Lab;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Io;

/// <summary>This switch as users start it: <c>softswitch run</c> with two ports.</summary>
internal sealed class OwnIoSwitch : IoSwitch
{
    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-io-").FullName;
    // The switch closes a connection that is silent for 15 s, and this client is silent while it measures.
    private static readonly TimeSpan MostSilence = TimeSpan.FromSeconds(5);

    private readonly string _control;
    private readonly string _target;
    private readonly RunningCommand? _daemon;
    private readonly bool _forwards = true;
    private OfClient? _client;
    private long _connectedAt;

    /// <param name="network">Where the interfaces are.</param>
    /// <param name="processor">The only one its threads may use.</param>
    /// <exception cref="OptionException">It does not start, and why.</exception>
    public OwnIoSwitch(IoBackend backend, string input, string output, NetworkNamespace network, int processor, CancellationToken cancellation)
        : this(PortOf(backend, input), PortOf(backend, output), network, processor, cancellation) =>
        (CountsInterfaceDrops, _forwards) = (backend == IoBackend.Xdp, backend != IoBackend.Kernel);

    /// <param name="input">Port 1, as behind <c>--port</c>.</param>
    /// <param name="output">Port 2.</param>
    /// <param name="network">Where it runs.</param>
    /// <param name="more">Options of <c>run</c> besides.</param>
    /// <exception cref="OptionException">It does not start, and why.</exception>
    public OwnIoSwitch(string input, string output, NetworkNamespace network, int processor, CancellationToken cancellation, params string[] more)
    {
        _control = Path.Combine(_folder, "control.sock");
        string socket = Path.Combine(_folder, "switch.sock");
        _target = $"unix:{socket}";
        try
        {
            string[] command =
            [
                .. SelfExecutable.Switch, "run", "--port", $"{Input}={input}", "--port", $"{Output}={output}", "--control", $"punix:{_control}",
                "--listen", $"punix:{socket}", "--cpus", processor.ToString(CultureInfo.InvariantCulture), .. more,
            ];
            _daemon = RunningCommand.Start(command[0], command[1..], network: network, processor: processor).KilledBy(cancellation);
            _daemon.WaitForText("ready\n", Patience, () => cancellation.IsCancellationRequested);
            Description = _daemon.Output.Split('\n').FirstOrDefault(line => line.StartsWith($"port {Input}: ", StringComparison.Ordinal)) ?? input;
            _connectedAt = Stopwatch.GetTimestamp();
            _client = OfClient.Connect(_target, Patience);
        }
        catch (Exception e) when (e is Win32Exception or TimeoutException)
        {
            string said = _daemon?.LastLines ?? e.Message;
            Dispose();
            cancellation.ThrowIfCancellationRequested();
            throw new OptionException($"the switch does not start: {said}", e);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override int ProcessId => _forwards ? _daemon!.ProcessId : 0;

    public override OfClient Client => _client!;

    public override void Return()
    {
        if (Stopwatch.GetElapsedTime(_connectedAt) > MostSilence)
        {
            _client!.Dispose();
            _connectedAt = Stopwatch.GetTimestamp();
            _client = OfClient.Connect(_target, Patience);
        }
    }

    public override string Description { get; } = string.Empty;

    // Of AF_XDP: the driver counts what the socket refuses.
    public override bool CountsInterfaceDrops { get; }

    public override (TimeSpan Busy, TimeSpan Clock) ReadBusyTime()
    {
        SwitchReport report = ManagementClient.ReadReport($"unix:{_control}", Patience);
        return (TimeSpan.FromSeconds(report.Workers.Sum(worker => worker.BusySeconds)), TimeSpan.FromSeconds(report.UptimeSeconds));
    }

    public override void Rest() => _daemon!.Stop();

    public override void Resume() => _daemon!.Continue();

    public override void Dispose()
    {
        _client?.Dispose();
        _daemon?.End();
        _daemon?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string PortOf(IoBackend backend, string name) => backend switch
    {
        IoBackend.Kernel => $"packet:{name},offload=on",
        IoBackend.Packet => $"packet:{name},offload=off",
        _ => $"xdp:{name}",
    };
}
