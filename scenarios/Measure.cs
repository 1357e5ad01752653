namespace Softswitch.Scenarios;

/// <summary>A number that a run of a scenario finds: a column of its table.</summary>
/// <param name="Name">
/// Words joined by underscores: what it is, the statistic where a run finds several (<c>median</c>, <c>mean</c>, <c>max</c>), the unit.
/// <c>update_median_ms</c>, <c>lost_mean_packets</c>, <c>setup_s</c>.
/// </param>
/// <param name="What">The same in a line for people: what it is, the statistic in brackets, the unit. The label of an axis.</param>
internal sealed record Measure(string Name, string What);
