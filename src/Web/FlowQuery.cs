using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Softswitch.Web;

/// <summary>By what flow entries are sorted.</summary>
internal enum FlowOrder
{
    Packets,
    Bytes,
    Priority,
    Age,
    Cookie,
}

/// <summary>Which flow entries are asked for.</summary>
/// <param name="Words">Each must be in the entry's text, in upper or lower case.</param>
/// <param name="Offset">Entries to leave out before the first.</param>
/// <param name="Limit">Entries at most.</param>
internal sealed record FlowQuery(IReadOnlyList<string> Words, FlowOrder Order, bool IsDescending, int Offset, int Limit)
{
    public const int MaxLimit = 500;

    // What lies before a page is kept while the table is looked through: that much, and no more.
    public const int MaxOffset = 100_000;

    private const int DefaultLimit = 50;
    private const int MaxSearchLength = 200;

    /// <param name="error">What is wrong, with the field's name.</param>
    public static bool TryRead(IQueryCollection given, out FlowQuery query, out string error)
    {
        query = new FlowQuery([], FlowOrder.Packets, IsDescending: true, 0, DefaultLimit);
        string search = given["search"].ToString();
        string sort = given["sort"].ToString();
        string order = given["order"].ToString();
        FlowOrder by = FlowOrder.Packets;
        error = search.Length > MaxSearchLength ? $"search: longer than {MaxSearchLength} characters"
            : sort.Length > 0 && (!Enum.TryParse(sort, ignoreCase: true, out by) || !Enum.IsDefined(by) || char.IsAsciiDigit(sort[0]))
                ? $"sort: '{Short(sort)}' is none of {string.Join(", ", Enum.GetNames<FlowOrder>()).ToLowerInvariant()}"
            : order is not ("" or "asc" or "desc") ? $"order: '{Short(order)}' is neither asc nor desc"
            : string.Empty;
        int offset = (int)ReadNumber(given, "offset", 0, 0, MaxOffset, ref error);
        int limit = (int)ReadNumber(given, "limit", DefaultLimit, 1, MaxLimit, ref error);
        query = new FlowQuery(search.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries), by, order != "asc", offset, limit);
        return error.Length == 0;
    }

    /// <summary>A number of a query, or what it is without being given.</summary>
    internal static long ReadNumber(IQueryCollection given, string name, long absent, long lowest, long highest, ref string error)
    {
        string text = given[name].ToString();
        if (text.Length == 0)
        {
            return absent;
        }
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= lowest && number <= highest)
        {
            return number;
        }
        if (error.Length == 0)
        {
            error = $"{name}: '{Short(text)}' is not a number from {lowest} to {highest}";
        }
        return absent;
    }

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "...";
}
