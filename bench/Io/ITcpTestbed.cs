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

    /// <summary>One TCP stream for so long.</summary>
    /// <exception cref="CompareException">iperf3 did not come to an end, or not to a good one.</exception>
    TcpStreamRate Measure(TimeSpan duration, CancellationToken cancellation);
}

/// <summary>What was seen of a stream.</summary>
/// <param name="BitsPerSecond">As the receiver counts them.</param>
/// <param name="RoundTrip">Of pings before it, on average, in microseconds; 0 where that is not measured.</param>
/// <param name="LoadedRoundTrip">Of pings beside it.</param>
internal readonly record struct TcpStreamRate(double BitsPerSecond, double RoundTrip = 0, double LoadedRoundTrip = 0);
