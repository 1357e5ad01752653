using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Topology;

/// <summary>What one round found of one switch. Times are from the start of its program, in seconds.</summary>
internal sealed class TopologyRound : IBenchRound
{
    /// <summary>Until the controller had the features of all.</summary>
    public double ConnectedSeconds { get; set; }

    /// <summary>Until each pair of hosts had had an answer.</summary>
    public double PingAllSeconds { get; set; }

    /// <summary>In RAM once all were connected.</summary>
    public double ConnectedMiB { get; set; }

    /// <summary>In RAM after all the traffic.</summary>
    public double ResidentMiB { get; set; }

    /// <summary>Of one core, without traffic.</summary>
    public double IdleCpuPercent { get; set; }

    /// <summary>One TCP stream by the longest path.</summary>
    public double GigabitsPerSecond { get; set; }

    /// <summary>Delivered by the longest path, thousands a second, of frames of 60 bytes offered without a limit.</summary>
    public double KiloPacketsPerSecond { get; set; }

    /// <summary>Until the two hosts beside the link that the tree left out had an answer again, after another was cut.</summary>
    public double RecoverySeconds { get; set; }

    /// <summary>What others had of the machine while the network rested.</summary>
    public Interference Interference { get; set; }
}

/// <summary>A figure of rounds, as results show it.</summary>
/// <param name="Name">As a key of results.</param>
/// <param name="Title">For people.</param>
/// <param name="Digits">Digits behind the point that mean something.</param>
internal sealed record TopologyMeasure(string Name, string Title, int Digits, Func<TopologyRound, double> Of)
{
    private static readonly TopologyMeasure Recovery = new("recoverySeconds", "recovered after a cut, s", 1, round => round.RecoverySeconds);

    private static readonly TopologyMeasure[] Common =
    [
        new("connectedSeconds", "all connected, s", 2, round => round.ConnectedSeconds),
        new("pingAllSeconds", "every ping answered, s", 2, round => round.PingAllSeconds),
        new("gigabitsPerSecond", "TCP end to end, Gbit/s", 3, round => round.GigabitsPerSecond),
        new("kiloPacketsPerSecond", "packets end to end, 1000/s", 1, round => round.KiloPacketsPerSecond),
        new("connectedMiB", "memory once connected, MiB", 1, round => round.ConnectedMiB),
        new("residentMiB", "memory after all traffic, MiB", 1, round => round.ResidentMiB),
        new("idleCpuPercent", "idle, % of a core", 1, round => round.IdleCpuPercent),
    ];

    public static IReadOnlyList<TopologyMeasure> For(TopologyShape shape) => shape.HasLoop ? [.. Common, Recovery] : Common;
}
