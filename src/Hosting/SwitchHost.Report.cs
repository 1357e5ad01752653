using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Hosting.Reports;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Text;

namespace Softswitch.Hosting;

/// <content>The switch as it is now, for people and tools.</content>
public sealed partial class SwitchHost
{
    private static readonly TimeSpan EndCheck = TimeSpan.FromMilliseconds(20);

    private SwitchSummary? _lastSummary;

    /// <summary>What tools call the switch by.</summary>
    public string Name { get; private set; }

    /// <summary>
    /// Reads the counters and states there are. Takes the control lock for a moment at a time, and never looks at flow entries.
    /// </summary>
    /// <param name="process">The process, where somebody has read it already.</param>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal SwitchReport ReadReport(ProcessReport? process = null)
    {
        AccountSnapshot accounts;
        using (EnterWithoutTable())
        {
            accounts = Control.Accounts.Read();
        }
        IReadOnlyList<PortReport> ports = Ports.ReadReports(accounts, () => EnterWithoutTable());
        IReadOnlyList<CardSummary> cards = _cards.Summarize(() => EnterWithoutTable());
        process ??= ReadProcess();
        using (EnterWithoutTable())
        {
            WorkerReport[] workers = [.. Control.Workers.Zip(accounts.Workers, ReadWorker)];
            IReadOnlyList<ControllerStatus> controllers = _agent!.ReadControllers();
            FramePool frames = Control.Frames;
            return new SwitchReport(
                Name,
                $"{DatapathId:x16}",
                AgentOptions.ProgramVersion,
                DateTimeOffset.Now,
                Control.Uptime.TotalSeconds,
                ReportJson.NameOf(_options.Agent.FailMode),
                Control.Flows.Emergency.InForce,
                ports,
                workers,
                [ReadTable(0), ReadTable(1),
                    new TableReport("emergency", Control.Flows.Emergency.Count, _options.Datapath.MaxEmergencyEntries, 0, 0)],
                [.. controllers.Select(Describe)],
                cards,
                ReadFlowMods(),
                new PacketInReport(
                    Control.PacketIns.Delivered, Control.Accounts.ReadDrops(DropReason.PacketInLimit),
                    Control.Accounts.ReadDrops(DropReason.PacketInQueueFull), _agent.Sessions.DroppedPacketIns),
                new ConnectionReport(
                    _agent.Sessions.EstablishedConnections, controllers.Count(one => one.State == ControllerState.Connected), _agent.Refusals.Count),
                new MemoryReport(
                    frames.FrameCount, frames.FreeCount, frames.FrameSize, Control.Buffers.Capacity,
                    Control.Buffers.OccupiedCount, Control.ActionLists.UsedBytes, Control.ActionLists.Limit),
                process,
                AccountRowReport.NonZero(reason => accounts.Rows.Sum(row => row.ReceiveDrops(reason) + row.SendDrops(reason))),
                Describe(accounts, ports))
            {
                State = _state?.Read(),
                Listeners = [.. _agent.Reachable.Select(target => $"{target}")],
            };
        }
    }

    /// <summary>
    /// Reads what an overview shows. Takes the control lock once, for some microseconds, and wakes no worker.
    /// </summary>
    /// <param name="patience">How long to wait for the lock; then what was read the last time is told again, as of a switch that is busy.</param>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal SwitchSummary ReadSummary(TimeSpan patience)
    {
        if (!Control.TryEnterWithoutTable((int)patience.TotalMilliseconds, out ControlScope scope))
        {
            SwitchSummary last = _lastSummary ?? new SwitchSummary(
                Name, $"{DatapathId:x16}", SwitchSummary.Busy, null, 0, Ports.Count, 0, 0, 0, 0, 0, 0, 0, 0, 0, new Dictionary<string, long>());
            return last with { State = SwitchSummary.Busy };
        }
        using (Check(scope))
        {
            (AccountRow ports, AccountRow others) = Control.Accounts.ReadTotals();
            ControllerStatus[] controllers = [.. _agent!.ReadControllers().Where(one => !one.IsPassive)];
            int up = 0;
            foreach (ushort number in Control.Ports.Numbers)
            {
                up += Control.Ports.Find(number) is { Link.Up: true } ? 1 : 0;
            }
            return _lastSummary = new SwitchSummary(
                Name, $"{DatapathId:x16}", SwitchSummary.Running, null, Control.Uptime.TotalSeconds, Ports.Count, up,
                controllers.Length, controllers.Count(one => one.State == ControllerState.Connected), Control.ReadTable().ActiveCount,
                ports.Received, ports.ReceivedBytes, ports.Sent, ports.SentBytes,
                Control.Workers.Sum(worker => TimeSpan.FromTicks(Volatile.Read(ref worker.Counters.BusyTicks)).TotalSeconds),
                AccountRowReport.NonZero(reason => ports.ReceiveDrops(reason) + ports.SendDrops(reason) + others.ReceiveDrops(reason) + others.SendDrops(reason)));
        }
    }

    /// <summary>
    /// Which flow entries are busy. Returns after the interval, or when the switch ends. Looks at all entries twice, in slices between
    /// which others get the locks.
    /// </summary>
    /// <param name="count">How many are wanted.</param>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal FlowActivityReport ReadBusiestFlows(int count, TimeSpan interval, TimeProvider time)
    {
        List<FlowActivity> found = [];
        using BusiestFlows watch = new BusiestFlows(Control.Flows.Entries, () => Enter());
        long began = time.GetTimestamp();
        while (interval - time.GetElapsedTime(began) is var left && left > TimeSpan.Zero && !_isDisposed)
        {
            Task.Delay(left < EndCheck ? left : EndCheck, time).Wait();
        }
        double seconds = time.GetElapsedTime(began).TotalSeconds;
        watch.Report(count, (in FlowStatistics flow, ulong packets, ulong bytes) =>
        {
            StringBuilder text = new();
            FlowText.AppendContent(text, flow.Match, flow.Priority, flow.Cookie, 0, 0, flow.Actions);
            found.Add(new FlowActivity(text.ToString(), packets, bytes, flow.PacketCount));
        });
        return new FlowActivityReport(seconds, found);
    }

    private static AccountsReport Describe(AccountSnapshot accounts, IReadOnlyList<PortReport> ports)
    {
        AccountRowReport[] rows = [.. accounts.Rows.Select(row => AccountRowReport.Of(row, row.Kind switch
        {
            AccountKind.Port => ports.FirstOrDefault(port => port.Number == row.Number)?.Name ?? string.Empty,
            AccountKind.Controller => "the controller",
            AccountKind.Switch => "the switch itself",
            _ => "ports that went",
        }))];
        return new AccountsReport(rows, AccountReport.Sum(rows.Select(row => row.Account)), accounts.IsExact);
    }

    private WorkerReport ReadWorker(Worker worker, AccountRow account)
    {
        WorkerCounters counters = worker.Counters;
        return new WorkerReport(
            worker.Id, worker.Sleep.IsAsleep, _options.Processors.Count == 0 ? null : _options.Processors[worker.Id],
            Volatile.Read(ref counters.Passes),
            Volatile.Read(ref counters.BusyPasses), TimeSpan.FromTicks(Volatile.Read(ref counters.BusyTicks)).TotalSeconds,
            worker.Sleep.Sleeps,
            Volatile.Read(ref counters.Batches), Volatile.Read(ref counters.Lookups),
            AccountRowReport.NonZero(reason => account.ReceiveDrops(reason) + account.SendDrops(reason)), AccountReport.Of(account));
    }

    private TableReport ReadTable(int part)
    {
        TableStatistics table = Control.ReadTable(part);
        return new TableReport(table.Name, table.ActiveCount, table.MaxEntries, (long)table.LookupCount, (long)table.MatchedCount);
    }

    private FlowModReport ReadFlowMods()
    {
        Dictionary<string, long> done =
            Enum.GetValues<FlowModCommand>().ToDictionary(ReportJson.NameOf, command => Control.Flows.Done[(int)command]);
        return new FlowModReport(done, _agent!.Sessions.ReadRefusedFlowMods());
    }

    private static ControllerReport Describe(ControllerStatus one) => new(
        one.Name, one.IsPassive, ReportJson.NameOf(one.State), one.Since.TotalSeconds, ReportJson.NameOf(one.Role), one.LastError,
        one.NextAttempt?.TotalSeconds, one.Latency?.TotalSeconds, one.Requests, one.DroppedPacketIns);

    internal static ProcessReport ReadProcess() => new(
        Environment.ProcessId, Environment.CpuUsage.TotalTime.TotalSeconds, Environment.WorkingSet,
        GC.GetTotalMemory(forceFullCollection: false),
        GC.CollectionCount(0), Directory.EnumerateDirectories("/proc/self/task").Count(),
        Directory.EnumerateFileSystemEntries("/proc/self/fd").Count());
}
