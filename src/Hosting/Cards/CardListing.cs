using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Registers;

namespace Softswitch.Hosting.Cards;

/// <summary>A card's tables as text.</summary>
internal static class CardListing
{
    private const int UsableRows = CardRegisters.FirstReservedRow;

    // Rows of layout 0.9 end at bit 239, those of 1.0 at bit 247.
    private const uint LastWord10 = 0x00ffffff;
    private const uint LastWord09 = 0x0000ffff;

    /// <summary>A file of flows that <c>ofctl add-flows</c> takes; what is no flow is a comment.</summary>
    public static IEnumerable<string> DescribeFlows(CardTables tables, CardLayout layout, ushort[] ports)
    {
        foreach (CardSlot slot in tables.Slots)
        {
            CardFlowText text = CardFlowText.Of(layout, slot.Image, ports, layout == CardLayout.V09 ? ushort.MaxValue : null);
            foreach (string line in DescribeFlow($"slot 0x{slot.Slot:x4}", text))
            {
                yield return line;
            }
        }
        foreach (CardRow row in tables.Rows.Where(row => row.Row < UsableRows && !row.IsEmpty))
        {
            // A row outranks those below it: their priorities say so.
            foreach (string line in DescribeFlow($"row {row.Row}", CardFlowText.Of(layout, row.Image, ports, (ushort)(UsableRows - row.Row))))
            {
                yield return line;
            }
        }
        foreach (string line in FindChangedReserved(tables, layout))
        {
            yield return $"# {line}";
        }
    }

    /// <summary>Everything <c>netfpga show</c> prints of a card.</summary>
    /// <param name="name">What the card is called.</param>
    public static IReadOnlyList<string> Describe(string name, string transport, CardIdentity identity, CardLayout layout, CardStatus status, CardTables tables, ushort[] ports)
    {
        int rows = tables.Rows.Count(row => row.Row < UsableRows && !row.IsEmpty);
        return
        [
            $"card {name}: {transport}",
            $"identification: block {identity.BlockVersion}, project {identity.Project}, version {identity.VersionText}, device {identity.DeviceId}, CPCI 0x{identity.CpciVersion:x8}",
            $"layout: {NameOf(layout)}",
            $"since reset: {status.Seconds} s; cookie 0x{status.Cookie:x8}; watchdog {(status.HasWatchdog ? "on" : "off")}",
            $"links: {string.Join(", ", status.LinksUp.Select((up, port) => $"port {port} {(up ? "up" : "down")}"))}",
            $"lookups: exact {status.ExactHits} hits, {status.ExactMisses} misses; wildcard {status.WildcardHits} hits, {status.WildcardMisses} misses (reserved rows hit, too)",
            $"dropped: from wires {ByPort(status.Drops, CardPort.Wire)}; from the host {ByPort(status.Drops, CardPort.Queue)}",
            $"exact table: {tables.Slots.Count} of {CardRegisters.SlotCount} slots in use, {CardRegisters.SlotCount - tables.Slots.Count} free",
            .. tables.Slots.SelectMany(slot => Line($"slot=0x{slot.Slot:x4}", slot.Hits, CardFlowText.Of(layout, slot.Image, ports, null))),
            $"wildcard table: {rows} of {UsableRows} rows in use, {UsableRows - rows} free",
            .. tables.Rows.Where(row => row.Row < UsableRows && !row.IsEmpty)
                .SelectMany(row => Line($"row={row.Row}", row.Hits, CardFlowText.Of(layout, row.Image, ports, null))),
            $"reserved rows: {tables.Rows.Skip(UsableRows).Take(CardPort.Count).Sum(row => (decimal)row.Hits.Packets)} packets from the host, "
                + $"{tables.Rows.Skip(UsableRows + CardPort.Count).Sum(row => (decimal)row.Hits.Packets)} to it",
            .. FindChangedReserved(tables, layout).Select(line => $" {line}"),
        ];
    }

    public static string NameOf(CardLayout layout) => layout == CardLayout.V10 ? "1.0" : "0.9";

    private static IEnumerable<string> DescribeFlow(string place, CardFlowText text)
    {
        string notes = string.Concat(text.Notes.Select(note => $"; {note}"));
        if (!text.IsFlow)
        {
            return [.. Matches(text).Select(match => $"# {place}: {(match.Length == 0 ? "all frames" : match)} {text.Actions}{notes}")];
        }
        return [$"# {place}{notes}", .. Matches(text).Select(match => match.Length == 0 ? $"actions={text.Actions}" : $"{match} actions={text.Actions}")];
    }

    private static IEnumerable<string> Matches(CardFlowText text) => text.MatchUntagged == null ? [text.Match] : [text.MatchUntagged, text.Match];

    private static IEnumerable<string> Line(string place, CardHits hits, CardFlowText text)
    {
        string match = text.Match.Length == 0 ? string.Empty : $"{text.Match} ";
        yield return $" {place}, n_packets={hits.Packets}, n_bytes={hits.Bytes}, {match}{(text.IsFlow ? "actions=" : string.Empty)}{text.Actions}";
        foreach (string note in text.Notes)
        {
            yield return $"  {note}";
        }
    }

    private static IEnumerable<string> FindChangedReserved(CardTables tables, CardLayout layout) =>
        tables.Rows.Where(row => row.Row >= UsableRows && Existing(row.Image, layout) != Existing(ReservedRows.Row(row.Row), layout))
            .Select(row => row.IsEmpty ? $"row {row.Row} is empty: the reserved row is missing" : $"row {row.Row} does not hold the reserved row");

    /// <summary>Without the bits that rows do not have.</summary>
    private static RowImage Existing(in RowImage image, CardLayout layout)
    {
        uint bits = layout == CardLayout.V10 ? LastWord10 : LastWord09;
        (KeyWords value, KeyWords mask, ActionWords action) = image;
        value[KeyWords.Count - 1] &= bits;
        mask[KeyWords.Count - 1] &= bits;
        return new RowImage(value, mask, action);
    }

    private static string ByPort(IReadOnlyList<uint> drops, Func<int, int> source) =>
        string.Join(' ', Enumerable.Range(0, CardPort.Count).Select(port => drops[source(port)]));
}
