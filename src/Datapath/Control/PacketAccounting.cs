using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Control;

/// <summary>The accounts of all packets: the ports', the workers' own, the control side's, and what is left of ports that went.</summary>
/// <remarks>Threads: under the control lock.</remarks>
internal sealed class PacketAccounting(WorkerShared shared, Worker[] workers) : IDisposable
{
    // How many milliseconds a worker is waited for, which answers within microseconds if it has a processor.
    private const int Patience = 1000;
    private const int SpinsBeforeSleep = 1000;

    // For each worker its last copy, and one more, if it was waited for in vain since.
    private readonly long[] _silentSince = new long[workers.Length];

    // Out of the switch, but a worker may still count there.
    private readonly List<(SwitchPort Port, PortCounters Last)> _gone = [];

    /// <summary>What the control side counts by itself; its <see cref="SwitchAccounts.Gone"/> are ports that no worker has any more.</summary>
    public SwitchAccounts Own { get; } = new();

    /// <summary>A port is out of the switch, and its device is closed.</summary>
    /// <param name="last">What the device counted.</param>
    public void Retire(SwitchPort port, in PortCounters last)
    {
        _gone.Add((port, last));
        Fold();
    }

    /// <summary>All accounts, of one moment.</summary>
    /// <remarks>
    /// Whoever holds the control lock keeps the control side from taking and giving packets, and ports from coming and going. Each worker
    /// copies its accounts between two passes, and takes no packets from a worker that copied before it: so none is counted at one end of a
    /// ring alone.
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

    /// <summary>All packets in two rows, each counter read by itself: no worker is woken, and what is under way may be in neither.</summary>
    /// <returns>The ports that are there and those that went; the controller and the switch itself.</returns>
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

    /// <summary>Packets dropped for this reason, by all workers and the control side, each read by itself.</summary>
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

    /// <summary>The accounts of no port, for another process to go on with: packet-ins that wait are saved as if they had not been handed over.</summary>
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

    /// <summary>A port of another process that this one does not go on with.</summary>
    /// <param name="last">What its device counted.</param>
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

    /// <param name="device">What its device counted.</param>
    private static PortAccount ReadWith(SwitchPort port, in PortCounters device)
    {
        PortAccount account = port.ReadAccount();
        AddDevice(ref account, device);
        return account;
    }

    /// <summary>
    /// Adds what only the device knows: packets lost before a worker had them or after it let go, and what hardware forwards by itself.
    /// </summary>
    private static void AddDevice(ref PortAccount account, in PortCounters device)
    {
        ref PacketAccount ingress = ref account.Ingress;
        ref PacketAccount egress = ref account.Egress;
        if (device.Traffic is { } whole)
        {
            // What came and did not get to a worker was the hardware's; what left and no worker sent, it sent by itself; what has not left yet,
            // it holds.
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
        // A counter of the interface may know packets of others.
        long refused = Math.Min(device.TransmitErrors, (long)(egress.Left - egress.Lost));
        egress.CountLost(DropReason.DeviceRefused, refused);
        egress.CountLost(DropReason.DeviceDropped, Math.Min(device.TransmitDropped, (long)(egress.Left - egress.Lost)));
    }

    /// <summary>What the control side counted, and of ports that went what workers may still count.</summary>
    private PortAccount ReadOwn(OwnAccount which)
    {
        PortAccount sum = Own.Of(which);
        if (which == OwnAccount.Gone)
        {
            _gone.ForEach(one => sum.Add(ReadWith(one.Port, one.Last)));
        }
        return sum;
    }

    /// <summary>The same with what workers counted, each by itself.</summary>
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
    /// Has every worker that runs copy its accounts. One that did not in time is not waited for again before it has answered once.
    /// </summary>
    /// <returns>For each worker whether it did; one that does not run has no need to.</returns>
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

    /// <summary>Adds up ports that every worker has let go of.</summary>
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
