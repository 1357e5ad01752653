namespace Softswitch.Lab.Charts;

/// <summary>A line of a chart.</summary>
/// <param name="Name">For the legend.</param>
/// <param name="Points">Ascending in X; joined in this order.</param>
internal sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points)
{
    /// <summary>Points of spoiled runs: crossed out, not joined with the others.</summary>
    public IReadOnlyList<(double X, double Y)> Disturbed { get; init; } = [];

    /// <summary>From where to where what a point stands for spreads: bars.</summary>
    public IReadOnlyList<(double X, double Low, double High)> Spreads { get; init; } = [];

    /// <summary>Whether points are joined by lines. Points of words, or read from a paper, are not: nothing is known in between.</summary>
    public bool IsJoined { get; init; } = true;

    /// <summary>All that need a place on the axes.</summary>
    public IEnumerable<(double X, double Y)> All =>
        [.. Points, .. Disturbed, .. Spreads.Select(one => (one.X, one.Low)), .. Spreads.Select(one => (one.X, one.High))];
}

/// <summary>Lines over one pair of axes.</summary>
/// <param name="HasMarkers">Whether each point is marked: for measurements, not for curves.</param>
internal sealed record LineChart(string Title, Axis X, Axis Y, IReadOnlyList<Series> Lines, bool HasMarkers = true);
