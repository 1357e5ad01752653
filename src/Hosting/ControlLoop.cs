using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Packets;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Reports;

namespace Softswitch.Hosting;

/// <summary>What the control thread does: it serves the datapath, calls the program's handlers, and tells the log of losses.</summary>
internal sealed class ControlLoop
{
    private readonly DatapathControl _control;
    private readonly SwitchEvents _events;
    private readonly CounterReport[] _reports;
    private long _turns;

    /// <param name="memoryLimit">In bytes; not used without a limit.</param>
    /// <param name="readMemoryShortages">How often memory was refused; called by the control thread.</param>
    public ControlLoop(DatapathControl control, SwitchEvents events, long memoryLimit, Func<long> readMemoryShortages, ILogger log)
    {
        _control = control;
        _events = events;
        Action<string> warn = trouble => HostLog.Warn(log, trouble);
        _reports =
        [
            new(ReadLimited, (more, all) => $"packet-ins: {more} more dropped by the limit, {all} in all (--packet-in-rate)", warn),
            new(ReadQueueMisses, DescribeQueueMisses, warn),
            new(
                readMemoryShortages,
                (_, _) => $"memory: the control group's limit of {memoryLimit >> 20} MiB is near: flow-mods that need more are refused (OFPFMFC_ALL_TABLES_FULL)",
                warn),
            new(() => events.Faults, (more, all) => $"handlers: {more} more failed, {all} in all; the last: {events.LastFault}", warn),
        ];
    }

    /// <summary>Moves on several times a second while the control thread works. Threads: any.</summary>
    public long Turns => Volatile.Read(ref _turns);

    /// <summary>Returns when <paramref name="stop"/> is cancelled.</summary>
    public void Run(CancellationToken stop) => _control.Serve(stop, afterEach: () =>
    {
        _events.Raise(stop);
        Array.ForEach(_reports, report => report.Update());
        Volatile.Write(ref _turns, _turns + 1);
    });

    private long ReadLimited()
    {
        using (_control.EnterWithoutTable())
        {
            return _control.Accounts.ReadDrops(DropReason.PacketInLimit);
        }
    }

    private long ReadQueueMisses()
    {
        using (_control.EnterWithoutTable())
        {
            ulong total = 0;
            foreach (ushort port in _control.Ports.Numbers)
            {
                total += _control.Queues.ReadMisses(port);
            }
            return (long)total;
        }
    }

    private string DescribeQueueMisses(long more, long all)
    {
        using (_control.EnterWithoutTable())
        {
            string ports = string.Join(", ", _control.Ports.Numbers.ToArray().Where(port => _control.Queues.ReadMisses(port) != 0));
            return $"queues: {more} more packets asked for a queue that is not there (port {ports}); sent without queueing, {all} in all";
        }
    }
}
