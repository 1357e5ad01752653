using Softswitch.Datapath.Control;
using Softswitch.Datapath.Packets;

namespace Softswitch.Hosting.Reports;

/// <summary>Where packets are: Received + Made + Output = Forwarded + Sent + Used + Held + Dropped.</summary>
/// <param name="Received">From the wire; by the controller's row, packet-outs.</param>
/// <param name="Made">Copies, segments, fragments and packets of its own that the switch made.</param>
/// <param name="Forwarded">Given to an egress: a port, the controller.</param>
/// <param name="Used">Ended here with success, such as an ARP request for an address of the switch.</param>
/// <param name="Output">Given to this port to be sent.</param>
/// <param name="Sent">To the wire; by the controller's row, packet-ins.</param>
/// <param name="Held">Still in the switch.</param>
/// <param name="Dropped">For all reasons.</param>
internal sealed record AccountReport(long Received, long Made, long Forwarded, long Used, long Output, long Sent, long Held, long Dropped)
{
    public static AccountReport Of(AccountRow row) =>
        new(row.Received, row.Made, row.Forwarded, row.Used, row.Output, row.Sent, row.Held, row.Drops);

    /// <summary>Over all rows. What one forwarded another was given to put out.</summary>
    public static AccountReport Sum(IEnumerable<AccountReport> rows) => rows.Aggregate(
        new AccountReport(0, 0, 0, 0, 0, 0, 0, 0),
        (sum, row) => new AccountReport(
            sum.Received + row.Received, sum.Made + row.Made, sum.Forwarded + row.Forwarded, sum.Used + row.Used,
            sum.Output + row.Output, sum.Sent + row.Sent, sum.Held + row.Held, sum.Dropped + row.Dropped));
}

/// <summary>A row of the account of all packets, with why they were dropped.</summary>
/// <param name="Kind">
/// <c>port</c>, <c>controller</c>, <c>switch</c> for what the switch says itself, or <c>gone</c> for all ports that went.
/// </param>
/// <param name="Port">Its number; null for what is no port.</param>
/// <param name="Name">As people call it.</param>
/// <param name="Account">Where its packets are.</param>
/// <param name="ReceiveDrops">Of what came in, by the reason's name; those that had none left out.</param>
/// <param name="SendDrops">Of what was to go out, the same way.</param>
internal sealed record AccountRowReport(
    string Kind,
    int? Port,
    string Name,
    AccountReport Account,
    IReadOnlyDictionary<string, long> ReceiveDrops,
    IReadOnlyDictionary<string, long> SendDrops)
{
    public static AccountRowReport Of(AccountRow row, string name) => new(
        ReportJson.NameOf(row.Kind), row.Kind == AccountKind.Port ? row.Number : null, name, AccountReport.Of(row),
        NonZero(row.ReceiveDrops), NonZero(row.SendDrops));

    /// <summary>Drops by the reason's name; those that had none left out.</summary>
    public static Dictionary<string, long> NonZero(Func<DropReason, long> read) =>
        Enum.GetValues<DropReason>().Where(reason => reason != DropReason.Count)
            .Select(reason => (Name: ReportJson.NameOf(reason), Count: read(reason))).Where(drops => drops.Count != 0).ToDictionary(drops => drops.Name, drops => drops.Count);
}

/// <summary>The account of all packets since the start, of one moment.</summary>
/// <param name="Rows">
/// The ports that are there, then the controller, the switch itself and ports that went: every packet is in one of them.
/// </param>
/// <param name="Total">Over all rows: Received + Made = Sent + Used + Held + Dropped.</param>
/// <param name="IsExact">False if a worker did not answer in time: then rows may not add up.</param>
internal sealed record AccountsReport(IReadOnlyList<AccountRowReport> Rows, AccountReport Total, bool IsExact);
