using Softswitch.Bench.Io;
using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Vhost;

/// <summary>One TCP stream between two virtual machines through a switch in a process of its own, switches in turns.</summary>
/// <remarks>
/// Each switch has two guests of its own, on all processors but the switch's. Open vSwitch is set up as its documentation wants it for whole segments:
/// <c>userspace-tso-enable</c>. There is one row; its name is what accelerates the guests.
/// </remarks>
internal sealed class VhostTcpBenchmark(VhostOptions options, Action<string> progress, CancellationToken cancellation)
    : SideBenchmark<VhostOptions, string, TcpSide>("vhost", options, progress, cancellation)
{
    private readonly int _processor = TakeProcessors().Switch;
    private readonly BenchRows<(string, TcpSide)> _rows = TcpSide.CreateRows("guests");
    private double? _ratio;

    protected override string NameOf(string row) => string.Empty;

    protected override IEnumerable<TcpSide> Start(string row, Action<string> say)
    {
        using var switches = new VhostSwitches(Options.OpenVSwitch, Options.HugePages, _processor, Cancellation);
        yield return Add("softswitch", sockets => switches.StartOwn(sockets));
        if (Options.OpenVSwitch != null)
        {
            yield return Add("openVSwitch", sockets => switches.StartOpenVSwitch(sockets, "userspace-tso-enable=true"));
        }

        TcpSide Add(string name, Func<IReadOnlyList<string>, IoSwitch> start)
        {
            say($"{name} and its guests start");
            var testbed = new GuestTestbed(Cancellation);
            return new TcpSide(name, testbed, _ => start(testbed.Sockets));
        }
    }

    protected override void Prepare(string row, TcpSide side) => side.Prepare(IoSwitch.BothWays, Cancellation);

    protected override void Measure(string row, TcpSide side, Action<string> say) => side.Measure(TimeSpan.FromSeconds(Options.Seconds), Cancellation);

    protected override void Add(string row, IReadOnlyList<TcpSide> sides)
    {
        foreach (TcpSide side in sides)
        {
            _rows.Add(Result, $"{row}, {side.Name}", (row, side), side.Interference);
        }
        _ratio = sides.Count > 1 ? sides[0].RatioTo(sides[1], round => round.Gigabits) : null;
    }

    protected override void Report()
    {
        _rows.AddTo(Result, "tcp");
        if (_ratio is { } ratio)
        {
            Result.Add("ratio", ratio, 2);
        }
        Result.Add("gigahertz", Machine.Gigahertz, 3);
    }
}
