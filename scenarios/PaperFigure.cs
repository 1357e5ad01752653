namespace Softswitch.Scenarios;

/// <summary>A figure or table of the paper as a sweep of ours: <c>scenario NAME --figure FIGURE --out DIR</c>.</summary>
/// <param name="Name">As on the command line: <c>fig9</c>, <c>table4</c>.</param>
/// <param name="What">What it shows, in a line for people, with the paper's number and page.</param>
/// <param name="Sweeps">Each as behind <c>--sweep</c>. The first that has numbers is the axis; each value of the others is a line.</param>
/// <param name="Measures">What is drawn, a chart each.</param>
internal sealed record PaperFigure(string Name, string What, IReadOnlyList<string> Sweeps, IReadOnlyList<Measure> Measures)
{
    /// <summary>As behind <c>--set</c>, besides.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>As behind <c>--repeat</c>, unless that is said.</summary>
    public int Repeat { get; init; } = 5;
}
