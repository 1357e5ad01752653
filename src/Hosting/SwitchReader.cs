using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Reports;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Text;

namespace Softswitch.Hosting;

/// <summary>A switch as it is now, for people and tools. Threads: any.</summary>
internal sealed class SwitchReader(SwitchParts parts, SwitchConfiguration configuration)
{
    private static readonly TimeSpan EndCheck = TimeSpan.FromMilliseconds(20);

    private readonly DatapathControl _control = parts.Control;
    private SwitchSummary? _lastSummary;

    /// <summary>
    /// Reads the counters and states there are. Takes the control lock for a moment at a time, and never looks at flow entries.
    /// </summary>
    /// <param name="process">The process, where somebody has read it already.</param>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public SwitchReport ReadReport(ProcessReport? process = null)
    {
        AccountSnapshot accounts;
        using (parts.Gate.EnterWithoutTable())
        {
            accounts = _control.Accounts.Read();
        }
        IReadOnlyList<PortReport> ports = parts.Ports.ReadReports(accounts, parts.Gate.EnterWithoutTable);
        IReadOnlyList<CardSummary> cards = parts.Cards.Summarize(parts.Gate.EnterWithoutTable);
        process ??= ProcessReading.ReadProcess();
        using (parts.Gate.EnterWithoutTable())
        {
            WorkerReport[] workers = [.. _control.Workers.Zip(accounts.Workers, ReadWorker)];
            IReadOnlyList<ControllerStatus> controllers = parts.Agent.ReadControllers();
            FramePool frames = _control.Frames;
            return new SwitchReport(
                parts.Name,
                $"{_control.DatapathId:x16}",
                AgentOptions.ProgramVersion,
                DateTimeOffset.Now,
                _control.Uptime.TotalSeconds,
                ReportJson.NameOf(configuration.Options.Agent.FailMode),
                _control.Flows.Emergency.InForce,
                ports,
                workers,
                [ReadTable(0), ReadTable(1),
                    new TableReport("emergency", _control.Flows.Emergency.Count, configuration.Options.Datapath.MaxEmergencyEntries, 0, 0)],
                [.. controllers.Select(Describe)],
                cards,
                ReadFlowMods(),
                new PacketInReport(
                    _control.PacketIns.Delivered, _control.Accounts.ReadDrops(DropReason.PacketInLimit),
                    _control.Accounts.ReadDrops(DropReason.PacketInQueueFull), parts.Agent.Sessions.DroppedPacketIns),
                new ConnectionReport(
                    parts.Agent.Sessions.EstablishedConnections, controllers.Count(one => one.State == ControllerState.Connected), parts.Agent.Refusals.Count),
                new MemoryReport(
                    frames.FrameCount, frames.FreeCount, frames.FrameSize, _control.Buffers.Capacity,
                    _control.Buffers.OccupiedCount, _control.ActionLists.UsedBytes, _control.ActionLists.Limit),
                process,
                AccountRowReport.NonZero(reason => accounts.Rows.Sum(row => row.ReceiveDrops(reason) + row.SendDrops(reason))),
                Describe(accounts, ports))
            {
                State = parts.Journal?.Read(),
                Listeners = [.. parts.Agent.Reachable.Select(target => $"{target}")],
            };
        }
    }

    /// <summary>
    /// Reads what an overview shows. Takes the control lock once, for some microseconds, and wakes no worker.
    /// </summary>
    /// <param name="patience">How long to wait for the lock; then what was read the last time is told again, as of a switch that is busy.</param>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public SwitchSummary ReadSummary(TimeSpan patience)
    {
        if (!parts.Gate.TryEnterWithoutTable(patience, out ControlScope scope))
        {
            SwitchSummary last = _lastSummary ?? new SwitchSummary(
                parts.Name, $"{_control.DatapathId:x16}", SwitchSummary.Busy, null, 0, parts.Ports.Count, 0, 0, 0, 0, 0, 0, 0, 0, 0, new Dictionary<string, long>());
            return last with { State = SwitchSummary.Busy };
        }
        using (scope)
        {
            (AccountRow ports, AccountRow others) = _control.Accounts.ReadTotals();
            ControllerStatus[] controllers = [.. parts.Agent.ReadControllers().Where(one => !one.IsPassive)];
            int up = 0;
            foreach (ushort number in _control.Ports.Numbers)
            {
                up += _control.Ports.Find(number) is { Link.Up: true } ? 1 : 0;
            }
            return _lastSummary = new SwitchSummary(
                parts.Name, $"{_control.DatapathId:x16}", SwitchSummary.Running, null, _control.Uptime.TotalSeconds, parts.Ports.Count, up,
                controllers.Length, controllers.Count(one => one.State == ControllerState.Connected), _control.ReadTable().ActiveCount,
                ports.Received, ports.ReceivedBytes, ports.Sent, ports.SentBytes,
                _control.Workers.Sum(worker => TimeSpan.FromTicks(Volatile.Read(ref worker.Counters.BusyTicks)).TotalSeconds),
                AccountRowReport.NonZero(reason => ports.ReceiveDrops(reason) + ports.SendDrops(reason) + others.ReceiveDrops(reason) + others.SendDrops(reason)));
        }
    }

    /// <summary>
    /// Which flow entries are busy. Returns after the interval, or when the switch ends. Looks at all entries twice, in slices between
    /// which others get the locks.
    /// </summary>
    /// <param name="count">How many are wanted.</param>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public FlowActivityReport ReadBusiestFlows(int count, TimeSpan interval, TimeProvider time)
    {
        List<FlowActivity> found = [];
        using BusiestFlows watch = new BusiestFlows(_control.Flows.Entries, parts.Gate.Enter);
        long began = time.GetTimestamp();
        while (interval - time.GetElapsedTime(began) is var left && left > TimeSpan.Zero && !parts.Gate.IsClosed)
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

    /// <summary>One line: <c>4 ports, 3 up; 1 of 2 controllers connected</c>. Takes the control lock for a moment.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public string DescribeState()
    {
        using (parts.Gate.EnterWithoutTable())
        {
            IReadOnlyList<PortDescription> ports = _control.Ports.Descriptions;
            ControllerStatus[] controllers = [.. parts.Agent.ReadControllers().Where(one => !one.IsPassive)];
            int up = ports.Count(IsUp);
            string text = $"{Quantity.Of(ports.Count, "port")}, {up} up";
            return controllers.Length == 0 ? text
                : $"{text}; {controllers.Count(one => one.State == ControllerState.Connected)} of "
                    + $"{Quantity.Of(controllers.Length, "controller")} connected";
        }
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
            worker.Id, worker.Sleep.IsAsleep, configuration.Options.Processors.Count == 0 ? null : configuration.Options.Processors[worker.Id],
            Volatile.Read(ref counters.Passes),
            Volatile.Read(ref counters.BusyPasses), TimeSpan.FromTicks(Volatile.Read(ref counters.BusyTicks)).TotalSeconds,
            worker.Sleep.Sleeps,
            Volatile.Read(ref counters.Batches), Volatile.Read(ref counters.Lookups),
            AccountRowReport.NonZero(reason => account.ReceiveDrops(reason) + account.SendDrops(reason)), AccountReport.Of(account));
    }

    private TableReport ReadTable(int part)
    {
        TableStatistics table = _control.ReadTable(part);
        return new TableReport(table.Name, table.ActiveCount, table.MaxEntries, (long)table.LookupCount, (long)table.MatchedCount);
    }

    private FlowModReport ReadFlowMods()
    {
        Dictionary<string, long> done =
            Enum.GetValues<FlowModCommand>().ToDictionary(ReportJson.NameOf, command => _control.Flows.Done[(int)command]);
        return new FlowModReport(done, parts.Agent.Sessions.ReadRefusedFlowMods());
    }

    private static ControllerReport Describe(ControllerStatus one) => new(
        one.Name, one.IsPassive, ReportJson.NameOf(one.State), one.Since.TotalSeconds, ReportJson.NameOf(one.Role), one.LastError,
        one.NextAttempt?.TotalSeconds, one.Latency?.TotalSeconds, one.Requests, one.DroppedPacketIns);

    private static bool IsUp(PortDescription port) => (port.State & PortState.LinkDown) == 0 && (port.Config & PortConfig.PortDown) == 0;
}
