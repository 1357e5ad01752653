using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Io;

/// <summary>What <c>bench io</c> measures.</summary>
internal sealed record IoOptions() : SideOptions(Seconds: 1, Rounds: 3)
{
    // Of a trial besides its time: until all has arrived, and counters are read.
    private const double TrialOverheadSeconds = 0.1;

    // A side's programs and interfaces.
    private const double StartSeconds = 1.5;

    // Of a round on a machine that does nothing else: the highest rate, then some six halvings of which every other is tried twice.
    private const int UsualTrials = 10;

    public IReadOnlyList<IoBackend> Backends { get; init; } = [IoBackend.Kernel, IoBackend.Packet, IoBackend.Xdp];

    /// <summary>Whether flows in the kernel are measured in turns with the kernel's bridge.</summary>
    public bool Bridge { get; init; }

    /// <summary>Bytes without FCS; of a TCP stream the longest of a host.</summary>
    public int FrameLength { get; init; } = MeasuredFrame.MinLength;

    /// <summary>Of the traffic; the table has one entry for each direction.</summary>
    public int Flows { get; init; } = 64;

    /// <summary>The share of loss that counts as none.</summary>
    public double Tolerance { get; init; }

    /// <summary>Whether a TCP stream is measured in place of packets.</summary>
    public bool Tcp { get; init; }

    public override BenchPlan Plan
    {
        get
        {
            double trials = IoSide.WarmUps.Sum(phase => phase.Duration.TotalSeconds + TrialOverheadSeconds)
                + (Rounds * UsualTrials * (Seconds + TrialOverheadSeconds));
            return new BenchPlan(
                $"{(Tcp ? "a TCP stream" : $"{FrameLength}-byte frames")} by {string.Join(" and ", Backends.Select(IoBenchmark.Text))}"
                + $"{(Bridge ? ", beside a bridge" : "")}{Beside("Open vSwitch")}, rounds of each: {Rounds}",
                Backends.Sum(backend => backend == IoBackend.Kernel ? (Bridge ? 2 : 1) : SideCount) * (StartSeconds + (Tcp ? TcpSide.ExpectedSeconds(Rounds, Seconds) : trials)),
                Tcp ? null : "up to four times that where others take the processors, as trials are repeated")
            {
                TidiesUp = true,
            };
        }
    }
}
