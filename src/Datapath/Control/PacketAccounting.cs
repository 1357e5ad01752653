using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Control;

/// <summary>The accounts of all packets: the ports', the workers' own, the control side's, and the remaining counts of removed ports.</summary>
/// <remarks>Threads: under the control lock.</remarks>
internal sealed class PacketAccounting(WorkerShared shared, Worker[] workers) : IDisposable
{
    // Milliseconds to wait for a worker. A worker that has a processor answers within microseconds.
    private const int Patience = 1000;
    private const int SpinsBeforeSleep = 1000;

    // For each worker that did not answer in time: the number of its last copy plus one. 0 for the other workers.
    private readonly long[] _silentSince = new long[workers.Length];

    // Ports that were removed, while a worker may still count on them.
    private readonly List<(SwitchPort Port, PortCounters Last)> _gone = [];

    /// <summary>The control side's own counts; its <see cref="SwitchAccounts.Gone"/> sums up removed ports that no worker uses any more.</summary>
    public SwitchAccounts Own { get; } = new();

    /// <summary>A port is out of the switch, and its device is closed.</summary>
    /// <param name="last">The device's last counters.</param>
    public void Retire(SwitchPort port, in PortCounters last)
    {
        _gone.Add((port, last));
        Fold();
    }

    /// <summary>All accounts, of one moment.</summary>
    /// <remarks>
    /// The caller's control lock keeps the control side from moving packets, and ports from being added or removed. Each worker copies its
    /// accounts between two passes, and before its copy it takes no packets from a worker that has copied already: so every packet in a ring is
    /// counted at both ends or at neither.
    /// </remarks>
    public AccountSnapshot Read()
    {
        bool[] copied = CopyAll(out bool isExact);
        Fold();
        List<AccountRow> rows = [];
        PortAccount[] byWorker = new PortAccount[workers.Length];
        foreach (SwitchPort port in shared.Ports.Ports)
        {
            PortAccount sum = default;
            for (int worker = 0; worker < workers.Length; worker++)
            {
                AddTo(ref sum, ref byWorker[worker], port.Account(worker, copied[worker]));
            }
            AddDevice(ref sum, port.Device.ReadCounters());
            rows.Add(new AccountRow(AccountKind.Port, port.Number, sum));
        }
        AddOwn(AccountKind.Controller, OwnAccount.Controller);
        AddOwn(AccountKind.Switch, OwnAccount.Switch);
        AddOwn(AccountKind.Gone, OwnAccount.Gone);
        return new AccountSnapshot(rows, [.. byWorker.Select((account, id) => new AccountRow(AccountKind.Worker, id, account))], isExact);

        void AddOwn(AccountKind kind, OwnAccount which)
        {
            PortAccount sum = ReadOwn(which);
            for (int worker = 0; worker < workers.Length; worker++)
            {
                AddTo(ref sum, ref byWorker[worker], workers[worker].Accounts.Of(which, copied[worker]));
            }
            rows.Add(new AccountRow(kind, 0, sum));
        }
    }

    /// <summary>All packets in two rows, each counter read by itself. No worker is woken, and packets under way may be missing.</summary>
    /// <returns>The ports, removed ones included; the controller and the switch itself.</returns>
    public (AccountRow Ports, AccountRow Others) ReadTotals()
    {
        Fold();
        PortAccount ports = ReadAll(OwnAccount.Gone);
        PortAccount others = ReadAll(OwnAccount.Controller);
        others.Add(ReadAll(OwnAccount.Switch));
        foreach (SwitchPort port in shared.Ports.Ports)
        {
            ports.Add(ReadWith(port, port.Device.ReadCounters()));
        }
        return (new AccountRow(AccountKind.Port, 0, ports), new AccountRow(AccountKind.Switch, 0, others));
    }

    /// <summary>Packets dropped for this reason, by all workers and the control side. The counters are read one after the other.</summary>
    public long ReadDrops(DropReason reason)
    {
        Fold();
        ulong total = ReadDrops(Own, reason);
        foreach (Worker worker in workers)
        {
            total += ReadDrops(worker.Accounts, reason);
        }
        foreach (SwitchPort port in shared.Ports.Ports.Concat(_gone.Select(one => one.Port)))
        {
            total += ReadDrops(port.ReadAccount(), reason);
        }
        return (long)total;
    }

    /// <summary>Saves the accounts that belong to no port, for another process. Waiting packet-ins are saved as if they had not been handed over.</summary>
    public void Save(BinaryWriter to)
    {
        Fold();
        for (OwnAccount which = 0; which <= OwnAccount.Gone; which++)
        {
            PortAccount sum = ReadAll(which);
            sum.Egress.Handed = sum.Egress.Taken;
            sum.Save(to);
        }
    }

    public void Restore(BinaryReader from, DropReason[] reasons)
    {
        for (OwnAccount which = 0; which <= OwnAccount.Gone; which++)
        {
            Own.Of(which).Restore(from, reasons);
        }
    }

    /// <summary>Adds the account of another process's port that this process does not take over.</summary>
    /// <param name="last">The device's last counters.</param>
    public void AddGone(PortAccount account, in PortCounters last)
    {
        AddDevice(ref account, last);
        Own.Of(OwnAccount.Gone).Add(account);
    }

    public void Dispose()
    {
        _gone.ForEach(one => one.Port.EndAccounts());
        Own.Dispose();
    }

    private static ulong ReadDrops(SwitchAccounts accounts, DropReason reason) =>
        ReadDrops(accounts.Of(OwnAccount.Controller), reason) + ReadDrops(accounts.Of(OwnAccount.Switch), reason) + ReadDrops(accounts.Of(OwnAccount.Gone), reason);

    private static ulong ReadDrops(in PortAccount account, DropReason reason) => account.Ingress.ReadDrops(reason) + account.Egress.ReadDrops(reason);

    /// <param name="device">The device's counters.</param>
    private static PortAccount ReadWith(SwitchPort port, in PortCounters device)
    {
        PortAccount account = port.ReadAccount();
        AddDevice(ref account, device);
        return account;
    }

    /// <summary>
    /// Adds counts that only the device has: packets lost before a worker received or after it sent them, and packets that hardware forwards.
    /// </summary>
    private static void AddDevice(ref PortAccount account, in PortCounters device)
    {
        ref PacketAccount ingress = ref account.Ingress;
        ref PacketAccount egress = ref account.Egress;
        if (device.Hardware is PortAccount hardware)
        {
            account.Add(hardware);
        }
        if (device.Traffic is { } whole)
        {
            // Hardware took the packets that came in and reached no worker. It made the packets that left and no worker sent. It holds the packets
            // that workers sent and that have not left yet.
            ulong taken = (ulong)Math.Max(0, whole.ReceivedPackets - (long)ingress.Entered);
            ingress.Entered += taken;
            ingress.Used += taken;
            long more = whole.TransmittedPackets + device.TransmitErrors + (long)egress.Lost - (long)egress.Left;
            (more > 0 ? ref egress.Made : ref egress.Held) += (ulong)Math.Abs(more);
            egress.Left += (ulong)more;
        }
        ingress.Entered += (ulong)(device.ReceiveDropped + device.ReceiveErrors);
        ingress.CountDrops(DropReason.ReceiveRingFull, device.ReceiveDropped);
        ingress.CountDrops(DropReason.ReceiveError, device.ReceiveErrors);
        // The interface may count packets of other senders, too.
        long refused = Math.Min(device.TransmitErrors, (long)(egress.Left - egress.Lost));
        egress.CountLost(DropReason.DeviceRefused, refused);
        egress.CountLost(DropReason.DeviceDropped, Math.Min(device.TransmitDropped, (long)(egress.Left - egress.Lost)));
    }

    /// <summary>The control side's counts. For removed ports, with the accounts that workers may still write.</summary>
    private PortAccount ReadOwn(OwnAccount which)
    {
        PortAccount sum = Own.Of(which);
        if (which == OwnAccount.Gone)
        {
            _gone.ForEach(one => sum.Add(ReadWith(one.Port, one.Last)));
        }
        return sum;
    }

    /// <summary>The same with the workers' counts, read one after the other.</summary>
    private PortAccount ReadAll(OwnAccount which)
    {
        PortAccount sum = ReadOwn(which);
        Array.ForEach(workers, worker => sum.Add(worker.Accounts.Of(which)));
        return sum;
    }

    private static void AddTo(ref PortAccount sum, ref PortAccount byWorker, in PortAccount account)
    {
        sum.Add(account);
        byWorker.Add(account);
    }

    /// <summary>
    /// Makes every running worker copy its accounts. If a worker does not answer in time, later calls do not wait for it until it has answered once.
    /// </summary>
    /// <returns>For each worker whether it copied its accounts. A worker that does not run need not.</returns>
    private bool[] CopyAll(out bool isExact)
    {
        long epoch = shared.AccountEpoch + 1;
        shared.AccountEpoch = epoch;
        foreach (Worker worker in workers)
        {
            worker.Wake();
        }
        long deadline = Environment.TickCount64 + Patience;
        bool[] copied = new bool[workers.Length];
        isExact = true;
        for (int i = 0; i < workers.Length; i++)
        {
            bool goesOn = _silentSince[i] != workers[i].CopiedEpoch + 1;
            SpinWait spin = default;
            while (goesOn && workers[i].IsRunning && workers[i].CopiedEpoch != epoch)
            {
                spin.SpinOnce(sleep1Threshold: SpinsBeforeSleep);
                goesOn = Environment.TickCount64 < deadline;
            }
            copied[i] = workers[i].CopiedEpoch == epoch;
            bool isSilent = !copied[i] && workers[i].IsRunning;
            _silentSince[i] = isSilent ? workers[i].CopiedEpoch + 1 : 0;
            isExact &= !isSilent;
        }
        return copied;
    }

    /// <summary>Adds the accounts of removed ports that no worker uses any more to the control side's.</summary>
    private void Fold()
    {
        for (int i = _gone.Count - 1; i >= 0; i--)
        {
            (SwitchPort port, PortCounters last) = _gone[i];
            if (Array.TrueForAll(workers, worker => Array.IndexOf(worker.Adopted.Ports, port) < 0))
            {
                Own.Of(OwnAccount.Gone).Add(ReadWith(port, last));
                port.EndAccounts();
                _gone.RemoveAt(i);
            }
        }
    }
}
