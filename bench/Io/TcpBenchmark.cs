using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Bench.Io;

/// <summary>One TCP stream between two hosts through a switch in a process of its own, switches in turns.</summary>
/// <remarks>
/// This switch takes the hosts' packets as their stacks send them. Open vSwitch is set up as its documentation wants it, since it delivers next to
/// nothing otherwise: <c>userspace-tso-enable</c> for AF_PACKET, transmit offloads of the hosts off for AF_XDP.
/// </remarks>
internal sealed class TcpBenchmark(IoOptions options, Action<string> progress, CancellationToken cancellation)
    : SideBenchmark<IoOptions, IoBackend, TcpSide>("io", options, progress, cancellation)
{
    private readonly (int Hosts, int Switch) _processors = TakeProcessors();
    private readonly BenchRows<(string, TcpSide)> _rows = TcpSide.CreateRows("backend");

    private readonly BenchRows<(IoBackend Backend, TcpSide Ours, TcpSide Theirs)> _ratios = new(
        new("backend", row => IoBenchmark.Text(row.Backend), "ours by theirs"),
        new("gigabitsPerSecond", row => row.Ours.RatioTo(row.Theirs, round => round.Gigabits), "Gbit/s"),
        new("pingUs", row => row.Ours.RatioTo(row.Theirs, round => round.Stream.RoundTrip), "ping"),
        new("pingUnderLoadUs", row => row.Ours.RatioTo(row.Theirs, round => round.Stream.LoadedRoundTrip), "beside the stream"));

    protected override string NameOf(IoBackend row) => IoBenchmark.Text(row);

    protected override IEnumerable<TcpSide> Start(IoBackend row, Action<string> say)
    {
        say("starts and warms up");
        yield return Add("softswitch", offloads: true, network => new OwnIoSwitch(
            row, TcpTestbed.InputName, TcpTestbed.OutputName, network, _processors.Switch, Cancellation));
        if (row == IoBackend.Kernel && Options.Bridge)
        {
            yield return Add("linuxBridge", offloads: true, network => new BridgeIoSwitch(TcpTestbed.InputName, TcpTestbed.OutputName, network));
        }
        else if (row != IoBackend.Kernel && Options.OpenVSwitch is { } installation)
        {
            string[] settings = row == IoBackend.Packet ? ["userspace-tso-enable=true"] : [];
            yield return Add("openVSwitch", offloads: row == IoBackend.Packet, network => new OvsIoSwitch(
                installation, row, TcpTestbed.InputName, TcpTestbed.OutputName, network, _processors.Switch, settings, Cancellation));
        }

        TcpSide Add(string name, bool offloads, Func<NetworkNamespace, IoSwitch> start)
        {
            var testbed = new TcpTestbed(row == IoBackend.Kernel ? null : _processors.Hosts, offloads, Options.FrameLength);
            return new TcpSide(name, testbed, _ => start(testbed.Switch));
        }
    }

    protected override void Prepare(IoBackend row, TcpSide side) => side.Prepare(IoSwitch.BothWays, Cancellation);

    protected override void Measure(IoBackend row, TcpSide side, Action<string> say) =>
        side.Measure(TimeSpan.FromSeconds(Options.Seconds), Cancellation);

    protected override void Add(IoBackend row, IReadOnlyList<TcpSide> sides)
    {
        foreach (TcpSide side in sides)
        {
            _rows.Add(Result, $"{IoBenchmark.Text(row)}, {side.Name}", (IoBenchmark.Text(row), side), side.Interference);
        }
        if (sides.Count > 1)
        {
            _ratios.Add((row, sides[0], sides[1]));
        }
    }

    protected override void Report()
    {
        _rows.AddTo(Result, "tcp");
        _ratios.AddTo(Result, "ratios", unlessEmpty: true);
        Result.Add("frame", Options.FrameLength);
        Result.Add("gigahertz", Machine.Gigahertz, 3);
    }
}
