using System.Globalization;

namespace Softswitch.Bench.Sides;

/// <summary>What a benchmark is about to measure, and how long that takes from its start to its result on an idle machine.</summary>
/// <param name="What">For people, a few words.</param>
/// <param name="Seconds">Set-up and warm-up among it.</param>
/// <param name="Unknown">What may make it longer, and by how much; null for what is known as well as that.</param>
internal sealed record BenchPlan(string What, double Seconds, string? Unknown = null)
{
    /// <summary>Of every command: until .NET runs it.</summary>
    public const double StartSeconds = 0.3;

    /// <summary>Whether there are programs or folders that a second signal must not leave behind.</summary>
    public bool TidiesUp { get; init; }

    /// <summary>Such as <c>about 8 s</c>.</summary>
    public string Duration => $"about {Text(Seconds)}";

    /// <summary>A time as people say it: not more exact than it is.</summary>
    public static string Text(double seconds)
    {
        (double value, string unit) = seconds switch
        {
            < 120 => (Math.Max(1, seconds), "s"),
            < 7200 => (seconds / 60, "min"),
            _ => (seconds / 3600, "h"),
        };
        double step = unit == "s" && value >= 20 ? 5 : 1;
        return $"{(Math.Round(value / step) * step).ToString("0", CultureInfo.InvariantCulture)} {unit}";
    }
}

/// <summary>Options of a benchmark, which know how long it will take with them.</summary>
internal interface IBenchOptions
{
    BenchPlan Plan { get; }
}
