namespace Softswitch.Scenarios.Xenflow;

/// <summary>A size of the packets that are offered.</summary>
/// <param name="FrameLength">Bytes of the Ethernet frame without FCS.</param>
internal sealed record PacketSize(int FrameLength)
{
    // Preamble, FCS and the gap between two frames.
    private const int Overhead = 24;

    /// <summary>The paper's two: the least frame, and the longest IP packet.</summary>
    public static IReadOnlyList<PacketSize> Papers { get; } = [new(60), new(1514)];

    /// <summary>The paper's word for its two sizes: the one counts the FCS, the other leaves the Ethernet header out.</summary>
    public string Name => FrameLength switch
    {
        60 => "64 bytes",
        1514 => "1500 bytes",
        _ => $"frames of {FrameLength} bytes",
    };

    /// <summary>Packets a second at 1 Gbit/s.</summary>
    public double LineRate => 1e9 / 8 / (FrameLength + Overhead);

    /// <summary>Packets a second that there is a place for: the line rate, or what a link carries, in Mbit/s, if that is less.</summary>
    public double MostOver(double? link) => Math.Min(LineRate, link * 1e6 / 8 / FrameLength ?? double.MaxValue);

    /// <summary>The sizes that a run offers.</summary>
    public static IReadOnlyList<PacketSize> Of(ScenarioRun run) => run.Get(XenflowParameters.Size) is { } size ? [new((int)size)] : Papers;
}
