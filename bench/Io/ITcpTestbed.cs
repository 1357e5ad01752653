using Softswitch.Bench.Sides;

namespace Softswitch.Bench.Io;

/// <summary>Two hosts at a switch, with iperf3 between them.</summary>
/// <remarks>Threads: one.</remarks>
internal interface ITcpTestbed : IDisposable
{
    /// <summary>Brings up what has to wait for the switch, which forwards.</summary>
    void Begin(IoSwitch device, CancellationToken cancellation)
    {
    }

    /// <summary>One TCP stream for so long; bits a second as the receiver counts them.</summary>
    /// <exception cref="CompareException">iperf3 did not come to an end, or not to a good one.</exception>
    double Measure(TimeSpan duration, CancellationToken cancellation);
}
