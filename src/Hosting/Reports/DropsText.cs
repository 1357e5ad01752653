using System.Globalization;

namespace Softswitch.Hosting.Reports;

/// <summary>The account of all packets as a table for people, then each reason why some were dropped, with what to do about it.</summary>
internal static class DropsText
{
    // Of the switches with packets that ended for one reason, so many are named.
    private const int MostSwitches = 5;

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
        foreach (string line in TextTable.Lines(table, textColumns: 1))
        {
            yield return line;
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

    /// <summary>The same of several switches: a row for each, then each reason with the switches it was met in.</summary>
    public static IEnumerable<string> Write(GroupReport report)
    {
        List<string[]> table = [["switch", "received", "sent", "dropped"]];
        table.AddRange(report.Switches.Select(one => Cells(one.Name, one.ReceivedPackets, one.SentPackets, one.Drops.Values.Sum())));
        table.Add(Cells("all", Sum(one => one.ReceivedPackets), Sum(one => one.SentPackets), Sum(one => one.Drops.Values.Sum())));
        foreach (string line in TextTable.Lines(table, textColumns: 1))
        {
            yield return line;
        }
        var reasons = report.Switches.SelectMany(one => one.Drops.Select(drop => (Reason: drop.Key, Count: drop.Value, Switch: one.Name)))
            .GroupBy(drop => drop.Reason).OrderByDescending(drops => drops.Sum(drop => drop.Count));
        foreach (IGrouping<string, (string Reason, long Count, string Switch)> drops in reasons)
        {
            yield return string.Empty;
            foreach (string line in Reason(drops.Key, drops.Sum(drop => drop.Count)))
            {
                yield return line;
            }
            (string Reason, long Count, string Switch)[] most = [.. drops.OrderByDescending(drop => drop.Count)];
            string others = most.Length > MostSwitches ? $" and {Quantity.Of(most.Length - MostSwitches, "other")}" : string.Empty;
            yield return $"{string.Empty,13}in {string.Join(", ", most.Take(MostSwitches).Select(drop => $"{drop.Switch} {drop.Count}"))}{others}";
        }

        long Sum(Func<SwitchSummary, long> of) => report.Switches.Sum(of);
    }

    private static IEnumerable<string> Reason(string reason, long count)
    {
        DropText text = DropTexts.Of(reason);
        yield return string.Create(CultureInfo.InvariantCulture, $"  {count,10} {text.Words} ({reason})");
        yield return $"{string.Empty,13}> {text.Advice}";
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
            foreach (string line in Reason(reason, count))
            {
                yield return line;
            }
        }
    }

    private static string NameOf(AccountRowReport row) => row.Port is int port ? $"port {port} {row.Name}".TrimEnd() : row.Name;

    private static bool HasAny(AccountReport account) => account.Received + account.Made + account.Output != 0;

    private static string[] Cells(string name, AccountReport account) => Cells(
        name, account.Received, account.Made, account.Output, account.Forwarded, account.Sent, account.Used, account.Held, account.Dropped);

    private static string[] Cells(string name, params IEnumerable<long> counts) =>
        [name, .. counts.Select(count => count.ToString(CultureInfo.InvariantCulture))];
}
