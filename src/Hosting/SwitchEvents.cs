using System.Collections.Concurrent;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Agent;

namespace Softswitch.Hosting;

/// <summary>Tells agent and program what comes up.</summary>
/// <remarks>
/// The agent is told at once, with the control lock held; the program's handlers by the control thread, without it. So they
/// may ask anything of the switch, flow entries included.
/// Threads: handlers come and go on any; <see cref="Raise"/> is the control thread's.
/// </remarks>
internal sealed class SwitchEvents(DatapathControl control, SwitchAgent agent) : IControlEvents
{
    // A handler that is slow leaves ended entries where they are; what cannot wait there is lost beyond this many.
    private const int MostPending = 1 << 16;
    private const int EnoughPending = 1 << 10;

    private readonly ConcurrentQueue<Action> _pending = new();
    private FlowRemovedCursor _removed;
    private PacketInHandler? _packetIn;
    private long _faults;

    public event Action<PortStatusReason, PortDescription>? PortChanged;

    public event Action<FlowRemoved>? FlowRemoved;

    public event PacketInHandler? PacketIn
    {
        add => SetPacketIn(_packetIn + value);
        remove => SetPacketIn(_packetIn - value);
    }

    /// <summary>Handlers that threw, and ends of entries that no handler was told of.</summary>
    public long Faults => Volatile.Read(ref _faults);

    /// <summary>The last of them, for people.</summary>
    public string LastFault { get; private set; } = string.Empty;

    public void OnPacketIn(in PacketIn packetIn)
    {
        agent.Sessions.OnPacketIn(packetIn);
        if (_packetIn is not { } handler)
        {
            return;
        }
        byte[] data = packetIn.Data.ToArray();
        (uint buffer, ushort port, PacketInReason reason, ushort length) =
            (packetIn.BufferId, packetIn.InPort, packetIn.Reason, packetIn.MaxLength);
        _pending.Enqueue(() => handler(new PacketIn { BufferId = buffer, InPort = port, Reason = reason, MaxLength = length, Data = data }));
    }

    public long OnFlowsRemoved(int limit, bool force)
    {
        long taken = agent.Sessions.OnFlowsRemoved(limit, force);
        if (FlowRemoved is not { } handler)
        {
            _removed = control.Flows.Removed.EndOfReports;
            return taken;
        }
        int most = force ? MostPending : EnoughPending;
        for (; limit > 0 && _pending.Count < most && control.Flows.Removed.TryRead(ref _removed, out FlowRemoved removed); limit--)
        {
            FlowRemoved end = removed;
            Enqueue(() => handler(end));
        }
        if (force && limit > 0 && _pending.Count >= most)
        {
            long before = _removed.Count;
            _removed = control.Flows.Removed.EndOfReports;
            Note(_removed.Count - before, "flow-removed lost: a handler is too slow");
        }
        return Math.Min(taken, _removed.Count);
    }

    public void OnPortStatus(PortStatusReason reason, in PortDescription port)
    {
        agent.Sessions.OnPortStatus(reason, port);
        if (PortChanged is { } handler)
        {
            PortDescription description = port;
            Enqueue(() => handler(reason, description));
        }
    }

    /// <summary>Calls the handlers for what has come up.</summary>
    public void Raise(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested && _pending.TryDequeue(out Action? raise))
        {
            try
            {
                raise();
            }
#pragma warning disable CA1031 // a handler's fault is the program's affair; the switch forwards on
            catch (Exception e)
#pragma warning restore CA1031
            {
                Note(1, $"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}");
            }
        }
    }

    private void Enqueue(Action raise)
    {
        _pending.Enqueue(raise);
        control.Wake();
    }

    private void Note(long count, string fault)
    {
        if (count > 0)
        {
            LastFault = fault;
            Interlocked.Add(ref _faults, count);
        }
    }

    private void SetPacketIn(PacketInHandler? handler)
    {
        using (control.EnterWithoutTable())
        {
            _packetIn = handler;
            agent.Misses.HasOwnController = handler != null;
        }
    }
}
