using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Control;

/// <summary>The accounts of all packets: the ports', the workers' own, the control side's, and what is left of ports that went.</summary>
/// <remarks>Threads: under the control lock.</remarks>
internal sealed unsafe class AccountBook(WorkerShared shared, Worker[] workers) : IDisposable
{
    // Out of the switch, but a worker may still count there.
    private readonly List<SwitchPort> _gone = [];

    /// <summary>What the control side counts by itself; its <see cref="OwnAccounts.Gone"/> are ports that no worker has any more.</summary>
    public OwnAccounts Own { get; } = new();

    /// <summary>A port is out of the switch, and its device is closed.</summary>
    public void Retire(SwitchPort port)
    {
        _gone.Add(port);
        Fold();
    }

    /// <summary>Packets dropped for this reason, by all workers and the control side, each read by itself.</summary>
    public long ReadDrops(DropReason reason)
    {
        Fold();
        ulong total = ReadDrops(Own, reason);
        foreach (Worker worker in workers)
        {
            total += ReadDrops(worker.Accounts, reason);
        }
        foreach (SwitchPort port in shared.Ports.Ports.Concat(_gone))
        {
            PortAccount account = port.ReadAccount();
            total += account.Ingress.ReadDrops(reason) + account.Egress.ReadDrops(reason);
        }
        return (long)total;
    }

    /// <summary>The same of those that ended in one worker's hands, but for ports that went.</summary>
    public long ReadDrops(DropReason reason, Worker worker)
    {
        ulong total = ReadDrops(worker.Accounts, reason);
        foreach (SwitchPort port in shared.Ports.Ports)
        {
            total += ReadDrops(port.AccountOf(worker.Id), reason);
        }
        return (long)total;
    }

    public void Dispose()
    {
        foreach (SwitchPort port in _gone)
        {
            port.EndAccounts();
        }
        Own.Dispose();
    }

    private static ulong ReadDrops(OwnAccounts accounts, DropReason reason) =>
        ReadDrops(accounts.Controller, reason) + ReadDrops(accounts.Switch, reason) + ReadDrops(accounts.Gone, reason);

    private static ulong ReadDrops(PortAccount* account, DropReason reason) => account->Ingress.ReadDrops(reason) + account->Egress.ReadDrops(reason);

    /// <summary>Adds up ports that every worker has let go of.</summary>
    private void Fold()
    {
        for (int i = _gone.Count - 1; i >= 0; i--)
        {
            SwitchPort port = _gone[i];
            if (Array.TrueForAll(workers, worker => Array.IndexOf(worker.Adopted.Ports, port) < 0))
            {
                Own.Gone->Add(port.ReadAccount());
                port.EndAccounts();
                _gone.RemoveAt(i);
            }
        }
    }
}
