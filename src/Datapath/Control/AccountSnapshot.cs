using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Control;

/// <summary>Whose packets a row of accounts is about.</summary>
internal enum AccountKind
{
    Port,

    /// <summary>Packet-outs are received from it, packet-ins sent to it.</summary>
    Controller,

    /// <summary>What the switch says itself.</summary>
    Switch,

    /// <summary>All ports that were taken out.</summary>
    Gone,

    /// <summary>All that one worker did.</summary>
    Worker,
}

/// <summary>Accounts of all packets, of one moment.</summary>
/// <param name="Rows">
/// The ports in ascending order, then the controller, the switch itself and ports that went: every packet is in one of them.
/// </param>
/// <param name="Workers">The same packets by worker; those of ports that went, and what the control side did, are left out.</param>
/// <param name="IsExact">False if a worker did not answer in time: its part was read while it counted.</param>
internal sealed record AccountSnapshot(IReadOnlyList<AccountRow> Rows, IReadOnlyList<AccountRow> Workers, bool IsExact)
{
    public AccountRow Row(AccountKind kind) => Rows.First(row => row.Kind == kind);

    /// <summary>A port's; null if there is no such port.</summary>
    public AccountRow? Find(int port) => Rows.FirstOrDefault(row => row.Kind == AccountKind.Port && row.Number == port);
}

/// <summary>Where one row's packets are.</summary>
/// <remarks>
/// Received + Made + Output = Forwarded + Sent + Used + Held + drops, for each row but a worker's, which hands packets to others.
/// </remarks>
/// <param name="number">The port's, or the worker's; 0 for the others.</param>
internal sealed class AccountRow(AccountKind kind, int number, in PortAccount account)
{
    private readonly PortAccount _account = account;

    public AccountKind Kind => kind;

    public int Number => number;

    public long Received => (long)_account.Ingress.Entered;

    /// <summary>From the Ethernet header on; as workers counted them.</summary>
    public long ReceivedBytes => (long)_account.Ingress.EnteredBytes;

    public long SentBytes => (long)_account.Egress.LeftBytes;

    public long Made => (long)(_account.Ingress.Made + _account.Egress.Made);

    public long Forwarded => (long)_account.Ingress.Left;

    public long Output => (long)_account.Egress.Entered;

    public long Sent => (long)(_account.Egress.Left - _account.Egress.Lost);

    public long Used => (long)(_account.Ingress.Used + _account.Egress.Used);

    /// <summary>Wait at the port, or on their way between two threads.</summary>
    public long Held => HeldOn(_account.Ingress) + HeldOn(_account.Egress);

    /// <summary>Of what came in.</summary>
    public long ReceiveDrops(DropReason reason) => (long)_account.Ingress.ReadDrops(reason);

    /// <summary>Of what was to go out.</summary>
    public long SendDrops(DropReason reason) => (long)_account.Egress.ReadDrops(reason);

    public long Drops
    {
        get
        {
            long total = 0;
            for (DropReason reason = 0; reason < DropReason.Count; reason++)
            {
                total += ReceiveDrops(reason) + SendDrops(reason);
            }
            return total;
        }
    }

    /// <summary>Packets that no counter accounts for. If it is not 0, the switch has a defect.</summary>
    public long Unaccounted => Received + Made + Output - (Forwarded + Sent + Used + Held + Drops);

    private static long HeldOn(in PacketAccount side) => (long)(side.Held + side.Handed - side.Taken);
}
