using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Tracing;

/// <summary>
/// Writes down what one worker does with one packet: what the pipeline tells, and between two things told what left, was dropped or
/// went to the controller.
/// </summary>
/// <remarks>Threads: the tracer's.</remarks>
internal sealed unsafe class TraceRecorder : IPacketTrace
{
    // A list of thousands of outputs, each of a packet of 64 KiB, is not written down whole.
    private const int MostBytes = 4 << 20;
    private const int BytesOfStep = 256;

    private readonly FlowAction[] _oneAction = new FlowAction[1];
    private List<TraceStep> _steps = [];
    private byte[] _bytes = [];
    private int _room;
    private int _leftOut;
    private (ushort Port, uint Queue)? _enqueued;
    private Worker? _worker;
    private PacketInQueues? _packetIns;
    private Watched[] _accounts = [];

    /// <summary>Sets the worker that treats the traced packets, before the first of them.</summary>
    /// <param name="ports">The worker's ports.</param>
    public void Attach(Worker worker, PortSet ports)
    {
        _worker = worker;
        _accounts =
        [
            .. ports.Ports.Select(port => new Watched(&port.AccountOf(worker.Id)->Ingress, 0)),
            .. ports.Ports.Select(port => new Watched(&port.AccountOf(worker.Id)->Egress, port.Number)),
        ];
    }

    /// <summary>A packet comes in.</summary>
    /// <param name="packetIns">Where the ingress port's packets for the controller wait.</param>
    public void Begin(byte[] bytes, PacketInQueues packetIns)
    {
        _steps = [];
        _bytes = bytes;
        _packetIns = packetIns;
        _room = MostBytes;
        _leftOut = 0;
    }

    /// <summary>Its worker's pass is over.</summary>
    public IReadOnlyList<TraceStep> End()
    {
        Settle();
        AddDrops(); // those not looked for any more
        if (_leftOut > 0)
        {
            _steps.Add(new TraceStep(TraceStepKind.LeftOut) { Count = _leftOut });
        }
        return _steps;
    }

    private void Add(TraceStep step)
    {
        _room -= BytesOfStep + step.Bytes.Length + step.Before.Length;
        if (_room < 0)
        {
            _leftOut++;
            return;
        }
        _steps.Add(step);
    }

    public void PassesInBand() => Add(new TraceStep(TraceStepKind.InBand));

    public void Found(uint entry, ActionsReference actions, in Packet packet, in FlowKey key)
    {
        byte[] bytes = packet.Bytes.ToArray();
        if (!bytes.AsSpan().SequenceEqual(_bytes))
        {
            Add(new TraceStep(TraceStepKind.Reassembled) { Bytes = bytes });
        }
        _bytes = bytes;
        if (entry == 0)
        {
            Add(new TraceStep(TraceStepKind.Miss) { Bytes = bytes });
            return;
        }
        FlowAction[] list = Tables.ActionListMemory.Decompile(actions, _oneAction).ToArray();
        Add(new TraceStep(TraceStepKind.Entry) { Entry = entry, Bytes = bytes, Actions = list });
        if (actions.IsPort)
        {
            Add(new TraceStep(TraceStepKind.Send) { Action = list[0], Bytes = bytes }); // not a list, whose outputs are told
        }
    }

    public void Rewrote(in FlowAction action, in Packet packet)
    {
        Settle();
        byte[] before = _bytes;
        _bytes = packet.Bytes.ToArray();
        Add(new TraceStep(TraceStepKind.Rewrite) { Action = action, Before = before, Bytes = _bytes });
    }

    public void Sends(in FlowAction action)
    {
        Settle();
        Add(new TraceStep(TraceStepKind.Send) { Action = action, Bytes = _bytes });
    }

    public void Enqueues(SwitchPort port, uint queueId) => _enqueued = (port.Number, queueId);

    public void Skips(SwitchPort port, PortConfig excluded, BridgePortFlags needed) =>
        Add(new TraceStep(TraceStepKind.Skipped) { Port = port.Number, Excluded = excluded, Needed = needed });

    public void Learned(MacAddress station, ushort port) => Add(new TraceStep(TraceStepKind.Learned) { Station = station, Port = port });

    public void Located(MacAddress station, ushort port) => Add(new TraceStep(TraceStepKind.Located) { Station = station, Port = port });

    /// <summary>A port was given a packet to send.</summary>
    public void Leaves(ushort port, ReadOnlySpan<byte> bytes, TunnelState? tunnel) =>
        Add(new TraceStep(TraceStepKind.Output)
        {
            Port = port,
            Bytes = bytes.ToArray(),
            Queue = _enqueued is { } named && named.Port == port ? named.Queue : null,
            Tunnel = tunnel,
        });

    /// <summary>What a tunnel made of it leaves by the port below.</summary>
    public void Encapsulated(ushort below, ReadOnlySpan<byte> bytes, string way) =>
        Add(new TraceStep(TraceStepKind.Encapsulated) { Port = below, Bytes = bytes.ToArray(), Way = way });

    /// <summary>The port below does not send it.</summary>
    public void Lost(ushort below, DropReason reason) => Add(new TraceStep(TraceStepKind.Dropped) { Port = below, Reason = reason });

    /// <summary>The port answers, as if that had come in there.</summary>
    public void Answered(ushort port, byte[] bytes) => Add(new TraceStep(TraceStepKind.Answered) { Port = port, Bytes = bytes });

    /// <summary>A device is done with a packet: what did not leave waits there or was dropped there.</summary>
    /// <param name="waiting">Packets more that wait than before.</param>
    public void Egressed(ushort port, IEgressTrace egress, int waiting)
    {
        if (waiting > 0)
        {
            Add(new TraceStep(TraceStepKind.Waiting) { Port = port, Way = egress.Way });
        }
        AddDrops();
    }

    /// <summary>Writes down what has happened since the last time without being told.</summary>
    private void Settle()
    {
        if (_worker == null)
        {
            return;
        }
        _worker.Outputs.Flush();
        _enqueued = null;
        foreach (PacketInQueue queue in _packetIns!.All)
        {
            while (queue.TryDequeue(out QueuedPacketIn item))
            {
                byte[] bytes = item.Packet.Bytes.ToArray();
                Add(new TraceStep(TraceStepKind.PacketIn) { Bytes = bytes, PacketInReason = item.Reason, MaxLength = item.MaxLength });
                _worker.Frames.Release(item.Packet);
            }
        }
        if (_leftOut == 0)
        {
            AddDrops();
        }
    }

    private void AddDrops()
    {
        foreach (Watched account in _accounts)
        {
            for (DropReason reason = 0; reason < DropReason.Count; reason++)
            {
                int count = account.TakeNew(reason);
                if (count != 0)
                {
                    Add(new TraceStep(TraceStepKind.Dropped) { Reason = reason, Port = account.Port, Count = count });
                }
            }
        }
    }

    /// <summary>An account and what was seen of it.</summary>
    /// <param name="account">Of one side of a port.</param>
    /// <param name="port">What drops there are told with.</param>
    private sealed class Watched(PacketAccount* account, ushort port)
    {
        private readonly ulong[] _seen = new ulong[(int)DropReason.Count];

        public ushort Port => port;

        public int TakeNew(DropReason reason)
        {
            ulong count = account->ReadDrops(reason);
            int more = (int)(count - _seen[(int)reason]);
            _seen[(int)reason] = count;
            return more;
        }
    }
}
