using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Tracing;

/// <summary>Follows packets through the switch as it is, without sending anything and without a trace in any counter.</summary>
/// <remarks>
/// <para>
/// It has a worker of its own, the very class that forwards. That worker shares the flow table with the others, which it only reads,
/// and the settings. Its frames,
/// stations, ports, queues and counters are copies: what it learns, counts and sends stays there. Packets of one tracer see what
/// those before them left behind:
/// a station learned, a datagram half reassembled.
/// </para>
/// <para>
/// Threads: under the control lock, from the constructor to <see cref="Dispose"/>: the table does not change, and no entry is
/// reclaimed. Costs some hundred
/// microseconds to make, and a packet some ten: more with hundreds of ports, no more with a million entries.
/// </para>
/// </remarks>
internal sealed unsafe class PacketTracer : IDisposable
{
    // Of each port's queue: what a flood of fragments fills before it is emptied.
    private const int FramesPerPort = 2 * PacketBatch.Capacity;
    private const int SpareFrames = 4 * FrameCache.BlockSize;
    private const int MaxFrames = 1 << 16;
    private const int SpareLargeFrames = 32;
    private const int MaxReassemblies = 16;

    private readonly WorkerShared _shared;
    private readonly Worker _worker;
    private readonly TraceRecorder _recorder = new();
    private readonly NativeArray<FlowCounters> _uncounted = new(1);
    private readonly TracePort[] _devices;
    private readonly PortSet _originals;

    /// <param name="original">The switch's.</param>
    /// <param name="before">Whose packets came before this one's: where stations are is its knowledge. Null for the switch's.</param>
    public PacketTracer(WorkerShared original, PacketTracer? before = null)
    {
        _originals = original.Ports;
        SwitchPort[] ports = _originals.Ports;
        int frames = Math.Min(SpareFrames + (FramesPerPort * ports.Length), MaxFrames);
        FramePool pool = new(frames, original.Frames.FrameSize, SpareLargeFrames + ports.Length);
        PacketInRoom room = new(pool);
        _shared = new WorkerShared
        {
            Frames = pool,
            Table = original.Table,
            Lists = original.Lists,
            Grace = new GracePeriod(workers: 1),
            Clock = original.Clock,
            Macs = new StationTable(original.Table.Hash),
            Service = new ControlWakeup(),
            FlowCacheCapacity = 0,
            MaxReassemblies = MaxReassemblies,
            ReassemblyTimeout = original.ReassemblyTimeout,
            PacketInRoom = room,
            PortlessPacketIns = new PacketInQueues(room),
        };
        _shared.Macs.CopyFrom(before?._shared.Macs ?? original.Macs);
        _devices = Array.ConvertAll(ports, port => new TracePort(port, _recorder, FindPort));
        PortSet mirrors = new([.. ports.Zip(_devices, (port, device) => Mirror(port, device, room))]);
        _shared.Settings = original.Settings with { Ports = mirrors, Captures = [] };
        _worker = new Worker(
            0, _shared, packetOutQueueLength: 1, new HandoverRings(workers: 1), _recorder, new FlowCounting(_uncounted.Start));
        _recorder.Attach(_worker, mirrors);
    }

    /// <summary>The way of a packet that comes in at a port.</summary>
    /// <param name="inPort">One of the switch's.</param>
    /// <param name="bytes">From the Ethernet header on, without FCS; at most <see cref="Packet.MaxLength"/>.</param>
    /// <exception cref="ArgumentException">There is no such port, or the packet is too long.</exception>
    public PacketTrace Trace(ushort inPort, byte[] bytes)
    {
        if (_shared.Ports.Find(inPort) == null)
        {
            throw new ArgumentException($"there is no port {inPort}", nameof(inPort));
        }
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes.Length, Packet.MaxLength, nameof(bytes));
        FlowKeyParser.Parse(bytes, inPort, out FlowKey key, out _);
        List<TraceStep> steps = [];
        (ushort port, byte[] packet) = (inPort, bytes);
        while (TryUnwrap(ref port, ref packet, steps))
        {
        }
        if (port != 0)
        {
            Run(port, packet, steps);
        }
        return new PacketTrace(inPort, bytes, key, steps);
    }

    public void Dispose()
    {
        _worker.Dispose();
        foreach (SwitchPort port in _shared.Ports.Ports)
        {
            port.Dispose();
            port.EndAccounts();
        }
        _shared.Macs.Dispose();
        _shared.Grace.Dispose();
        _shared.Service.Dispose();
        _shared.Frames.Dispose();
        _uncounted.Dispose();
    }

    /// <summary>What a device keeps from the switch.</summary>
    /// <param name="port">Becomes that which receives what is in the packet; 0 if it ends.</param>
    /// <returns>Whether another port has it now.</returns>
    private bool TryUnwrap(ref ushort port, ref byte[] bytes, List<TraceStep> steps)
    {
        SwitchPort original = _originals.Find(port)!;
        if (!_worker.Frames.TryRent(bytes.Length, out Packet packet))
        {
            return false; // then nor has the worker
        }
        packet.Length = bytes.Length;
        bytes.CopyTo(packet.Bytes);
        LocalDelivery? claim = original.Device.TraceIngress(ref packet, _worker.Frames);
        if (claim != null)
        {
            bool goesOn = claim.Receiver != null;
            bytes = goesOn ? packet.Bytes.ToArray() : bytes;
            port = goesOn ? NumberOf(claim.Receiver) : (ushort)0;
            TraceStepKind kind = goesOn ? TraceStepKind.Decapsulated : TraceStepKind.Claimed;
            steps.Add(new TraceStep(kind) { Port = port, Way = claim.What, Bytes = bytes });
            if (claim.Reason is { } reason)
            {
                steps.Add(new TraceStep(TraceStepKind.Dropped) { Reason = reason });
            }
        }
        _worker.Frames.Release(packet);
        return claim != null && port != 0;
    }

    private void Run(ushort inPort, byte[] bytes, List<TraceStep> steps)
    {
        SwitchPort port = _shared.Ports.Find(inPort)!;
        ((TracePort)port.Device).Arrive(bytes);
        _recorder.Begin(bytes, port.PacketIns);
        int held = _worker.HeldCount;
        do
        {
            _worker.PollOnce();
        }
        while (_worker.Costly.Count > 0);
        steps.AddRange(_recorder.End());
        if (_worker.Bpdus.TryReceive(out ReceivedBpdu bpdu))
        {
            _worker.Frames.Release(bpdu.Packet);
            steps.Add(new TraceStep(TraceStepKind.SpanningTree) { Port = inPort });
        }
        if (_worker.HeldCount > held)
        {
            steps.Add(new TraceStep(TraceStepKind.Held));
        }
    }

    private SwitchPort? FindPort(IPortDevice? device) => Array.Find(_originals.Ports, port => port.Device == device);

    private ushort NumberOf(IPortDevice? device) => FindPort(device)?.Number ?? 0;

    private static SwitchPort Mirror(SwitchPort original, TracePort device, PacketInRoom room) =>
        new(original.Number, device, original.Config, firstWorker: 0, workers: 1)
        {
            PacketIns = new PacketInQueues(room),
            Config = original.Config,
            BridgeFlags = original.BridgeFlags,
            WaitingBpdus = original.WaitingBpdus,
        };
}
