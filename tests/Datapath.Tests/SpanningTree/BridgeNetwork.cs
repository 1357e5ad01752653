using Softswitch.Datapath.SpanningTree;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>Bridges and the segments between them, in one thread and with time in the test's hand: what is sent arrives in the same step, in order.</summary>
internal sealed class BridgeNetwork
{
    public const int Step = 250;

    private readonly List<SimulatedBridge> _bridges = [];
    private readonly List<List<(SimulatedBridge Bridge, BridgePort Port)>> _segments = [];
    private readonly Queue<(int Segment, SimulatedBridge From, BridgePort Port, Bpdu Bpdu)> _messages = new();

    public long Now { get; private set; } = 1000;

    public IReadOnlyList<SimulatedBridge> Bridges => _bridges;

    public IReadOnlyList<IReadOnlyList<(SimulatedBridge Bridge, BridgePort Port)>> Segments => _segments;

    /// <summary>BPDUs sent so far.</summary>
    public int SentCount { get; private set; }

    public SimulatedBridge AddBridge(ulong id, SpanningTreeOptions? options = null)
    {
        SimulatedBridge bridge = new(this, id, BridgeTimes.From(options ?? new SpanningTreeOptions()));
        _bridges.Add(bridge);
        return bridge;
    }

    /// <summary>A segment with a new port of each of these bridges, enabled.</summary>
    public int Connect(params SimulatedBridge[] bridges) => Connect(10, bridges);

    public int Connect(uint cost, params SimulatedBridge[] bridges)
    {
        List<(SimulatedBridge, BridgePort)> ends = [];
        _segments.Add(ends);
        foreach (SimulatedBridge bridge in bridges)
        {
            BridgePort port = bridge.AddPort(_segments.Count - 1, cost);
            ends.Add((bridge, port));
            bridge.Machine.Enable(port, Now);
        }
        return _segments.Count - 1;
    }

    /// <summary>Every port of the segment loses its link.</summary>
    public void Cut(int segment)
    {
        foreach ((SimulatedBridge bridge, BridgePort port) in _segments[segment])
        {
            bridge.Machine.Disable(port, Now);
        }
        Deliver();
    }

    public void Mend(int segment)
    {
        foreach ((SimulatedBridge bridge, BridgePort port) in _segments[segment])
        {
            bridge.Machine.Enable(port, Now);
        }
        Deliver();
    }

    /// <summary>Lets time pass; at no moment may there be a loop to forward around.</summary>
    public void Run(int seconds)
    {
        for (int i = 0; i < seconds * 1000 / Step; i++)
        {
            Now += Step;
            foreach (SimulatedBridge bridge in _bridges.Where(bridge => !bridge.IsDead))
            {
                bridge.Machine.Advance(Now);
            }
            Deliver();
            Assert.True(TreeOracle.IsLoopFree(this), $"there is a loop at {Now} ms");
        }
    }

    public void Send(SimulatedBridge from, BridgePort port, in Bpdu bpdu)
    {
        SentCount++;
        // What is sent goes over the wire's bytes.
        byte[] frame = new byte[Bpdu.FrameLength];
        bpdu.Encode(frame, new(from.Machine?.Paths.Id ?? 0));
        Assert.True(Bpdu.TryDecode(frame, out Bpdu received));
        _messages.Enqueue((from.SegmentOf(port), from, port, received));
    }

    private void Deliver()
    {
        int budget = 10_000;
        while (_messages.TryDequeue(out (int Segment, SimulatedBridge From, BridgePort Port, Bpdu Bpdu) message))
        {
            Assert.True(budget-- > 0, "bridges answer each other without end");
            foreach ((SimulatedBridge bridge, BridgePort port) in _segments[message.Segment])
            {
                if (port != message.Port && !bridge.IsDead && !message.From.IsDead)
                {
                    bridge.Machine.Receive(port, message.Bpdu, Now);
                }
            }
        }
    }
}

/// <summary>One bridge of a <see cref="BridgeNetwork"/>.</summary>
internal sealed class SimulatedBridge : ISpanningTreeOutput
{
    private readonly BridgeNetwork _network;
    private readonly Dictionary<BridgePort, int> _segments = [];

    public SimulatedBridge(BridgeNetwork network, ulong id, BridgeTimes times)
    {
        _network = network;
        Machine = new SpanningTreeBridge(id, times, this, network.Now);
    }

    public SpanningTreeBridge Machine { get; }

    public bool IsDead { get; set; }

    public bool IsTopologyChange { get; private set; }

    public int TopologyChangeCount { get; private set; }

    public List<(ushort Port, Bpdu Bpdu)> Sent { get; } = [];

    public BridgePortState StateOf(int port) => Machine.Ports[port].State;

    public BridgePort AddPort(int segment, uint cost)
    {
        ushort number = (ushort)(Machine.Ports.Count + 1);
        BridgePort port = new(number, (ushort)(0x8000 | number), cost);
        _segments[port] = segment;
        Machine.Add(port);
        return port;
    }

    public int SegmentOf(BridgePort port) => _segments[port];

    public void Send(BridgePort port, in Bpdu bpdu)
    {
        Sent.Add((port.Number, bpdu));
        _network.Send(this, port, bpdu);
    }

    public void OnStateChanged(BridgePort port)
    {
    }

    public void OnTopologyChange(bool active)
    {
        Assert.NotEqual(IsTopologyChange, active);
        IsTopologyChange = active;
        TopologyChangeCount += active ? 1 : 0;
    }
}
