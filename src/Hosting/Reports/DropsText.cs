using System.Globalization;

namespace Softswitch.Hosting.Reports;

/// <summary>The account of all packets as a table for people, then each reason why some were dropped, with what to do about it.</summary>
internal static class DropsText
{
    private static readonly string[] Columns = ["received", "made", "output", "forwarded", "sent", "used", "held", "dropped"];

    /// <param name="report">The switch.</param>
    /// <returns>Lines.</returns>
    public static IEnumerable<string> Write(SwitchReport report)
    {
        List<string[]> table = [["", .. Columns]];
        IEnumerable<AccountRowReport> told = report.Accounts.Rows.Where(row => row.Kind == "port" || HasAny(row.Account));
        table.AddRange(told.Select(row => Cells(NameOf(row), row.Account)));
        table.Add(Cells("all", report.Accounts.Total));
        if (report.Workers.Count > 1)
        {
            table.AddRange(report.Workers.Select(worker => Cells($"by worker {worker.Id}", worker.Account)));
        }
        int[] widths = [.. Enumerable.Range(0, table[0].Length).Select(column => table.Max(row => row[column].Length))];
        foreach (string[] row in table)
        {
            yield return string.Join("  ", row.Select((cell, i) => i == 0 ? cell.PadRight(widths[0]) : cell.PadLeft(widths[i])));
        }
        if (!report.Accounts.IsExact)
        {
            yield return "a worker did not answer in time: rows may not add up";
        }
        foreach (AccountRowReport row in report.Accounts.Rows)
        {
            foreach (string line in Reasons(row, "coming in", row.ReceiveDrops).Concat(Reasons(row, "going out", row.SendDrops)))
            {
                yield return line;
            }
        }
    }

    private static IEnumerable<string> Reasons(AccountRowReport row, string way, IReadOnlyDictionary<string, long> drops)
    {
        if (drops.Count == 0)
        {
            yield break;
        }
        yield return string.Empty;
        yield return $"dropped {way}, {NameOf(row)}:";
        foreach ((string reason, long count) in drops.OrderByDescending(drop => drop.Value))
        {
            DropText text = DropTexts.Of(reason);
            yield return string.Create(CultureInfo.InvariantCulture, $"  {count,10} {text.Words} ({reason})");
            yield return $"{string.Empty,13}> {text.Advice}";
        }
    }

    private static string NameOf(AccountRowReport row) => row.Port is int port ? $"port {port} {row.Name}".TrimEnd() : row.Name;

    private static bool HasAny(AccountReport account) => account.Received + account.Made + account.Output != 0;

    private static string[] Cells(string name, AccountReport account) =>
    [
        name,
        .. new[]
        {
            account.Received, account.Made, account.Output, account.Forwarded, account.Sent, account.Used, account.Held, account.Dropped,
        }.Select(count => count.ToString(CultureInfo.InvariantCulture)),
    ];
}
