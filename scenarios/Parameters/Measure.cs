namespace Softswitch.Scenarios.Parameters;

/// <summary>A number that a run of a scenario finds: a column of its table.</summary>
/// <param name="Name">With its unit at the end, words joined by underscores: <c>update_ms</c>, <c>lost_packets</c>.</param>
/// <param name="What">What it is, with its unit, in a line for people: the label of an axis.</param>
internal sealed record Measure(string Name, string What);
