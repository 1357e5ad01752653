namespace Softswitch.Hosting.Reports;

/// <summary>Reasons for drops between two reports: what drops now comes first.</summary>
internal static class DropRanking
{
    /// <param name="before">Drops by reason, earlier; null for none.</param>
    /// <param name="now">The same, now.</param>
    /// <returns>Packets that were dropped in between, most first, then those that were not.</returns>
    public static IReadOnlyList<(string Reason, long Added, long All)> Of(
        IReadOnlyDictionary<string, long>? before, IReadOnlyDictionary<string, long> now) =>
    [
        .. now.Where(drop => drop.Value > 0)
            .Select(drop => (drop.Key, Added: drop.Value - EarlierOf(before, drop), All: drop.Value))
            .OrderByDescending(drop => drop.Added).ThenByDescending(drop => drop.All),
    ];

    /// <summary>The reason that dropped most in between; empty if none did.</summary>
    public static string First(IReadOnlyDictionary<string, long>? before, IReadOnlyDictionary<string, long> now) =>
        Of(before, now) is [(string reason, > 0, _), ..] ? reason : string.Empty;

    // What has fallen was counted anew: the port was away.
    private static long EarlierOf(IReadOnlyDictionary<string, long>? before, KeyValuePair<string, long> drop) =>
        before != null && before.TryGetValue(drop.Key, out long count) && count <= drop.Value ? count : 0;
}
