using Softswitch.Bench.Compare;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Io;

/// <summary>Open vSwitch's userspace datapath on the same interfaces: ports of type <c>system</c> (AF_PACKET) or <c>afxdp</c>.</summary>
/// <remarks>As it comes, but that its forwarding thread and all others are on the one processor; the main thread forwards for <c>system</c> ports.</remarks>
internal sealed class OvsIoSwitch : IoSwitch
{
    private const string Bridge = "io";

    private readonly OvsDaemons _daemons;
    private readonly OfClient? _client;

    /// <param name="network">Where the interfaces are.</param>
    /// <param name="processor">The only one its threads may use.</param>
    /// <param name="settings"><c>other_config</c> beside the defaults, as KEY=VALUE.</param>
    /// <exception cref="OptionException">It does not start, and why.</exception>
    public OvsIoSwitch(
        OvsInstallation installation, IoBackend backend, string input, string output, NetworkNamespace network, int processor,
        IReadOnlyList<string> settings, CancellationToken cancellation)
        : this(installation, TypeOf(backend), [input], [output], network, processor, settings, cancellation)
    {
    }

    /// <param name="type">Of its ports.</param>
    /// <param name="input">Port 1: its name, then columns as COLUMN:KEY=VALUE.</param>
    /// <param name="output">Port 2, likewise.</param>
    /// <param name="network">Where it runs.</param>
    /// <exception cref="OptionException">It does not start, and why.</exception>
    public OvsIoSwitch(
        OvsInstallation installation, string type, string[] input, string[] output, NetworkNamespace network, int processor,
        IReadOnlyList<string> settings, CancellationToken cancellation)
    {
        _daemons = new OvsDaemons(installation, cancellation);
        try
        {
            _client = _daemons.OpenBridge(
                Bridge, [$"pmd-cpu-mask={OvsDaemons.Mask([processor])}", .. settings], network, processor, Patience,
                (input[0], Input, type, input[1..]), (output[0], Output, type, output[1..]));
            Description = $"type={type} {_daemons.Configure("get", "Interface", input[0], "status").Trim()}";
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override int ProcessId => _daemons.ProcessId;

    public override OfClient Client => _client!;

    public override string Description { get; } = string.Empty;

    // Its port statistics are the interfaces'.
    public override bool CountsInterfaceDrops => true;

    public override (TimeSpan Busy, TimeSpan Clock) ReadBusyTime()
    {
        OvsPmdStatistics pmd = OvsPmdStatistics.Parse(_daemons.Ask("dpif-netdev/pmd-stats-show"));
        TimeSpan OfCycles(long cycles) => TimeSpan.FromSeconds(cycles / (Machine.Gigahertz * 1e9));
        return (OfCycles(pmd.ProcessingCycles), OfCycles(pmd.ProcessingCycles + pmd.IdleCycles));
    }

    public override void Rest() => _daemons.Stop();

    public override void Resume() => _daemons.Continue();

    public override void Dispose()
    {
        _client?.Dispose();
        _daemons.Dispose();
    }

    private static string TypeOf(IoBackend backend) => backend == IoBackend.Xdp ? "afxdp" : "system";
}
