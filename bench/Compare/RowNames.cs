using Softswitch.Hosting.Configuration;

namespace Softswitch.Bench.Compare;

/// <summary><c>--rows</c> of benchmarks that have rows of several names.</summary>
internal static class RowNames
{
    /// <summary>Rows by name, in the order they are shown.</summary>
    /// <param name="names">Separated by commas; null for all.</param>
    /// <exception cref="OptionException">There is no row of such a name.</exception>
    public static IReadOnlyList<T> Select<T>(IReadOnlyList<T> all, Func<T, string> nameOf, string? names)
    {
        if (names == null)
        {
            return all;
        }
        string[] wanted = names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        string? unknown = wanted.FirstOrDefault(name => all.All(row => nameOf(row) != name));
        return unknown != null ? throw new OptionException($"--rows: there is no row '{unknown}': {string.Join(", ", all.Select(nameOf))}")
            : wanted.Length == 0 ? throw new OptionException("--rows: names no row")
            : [.. all.Where(row => wanted.Contains(nameOf(row)))];
    }
}
