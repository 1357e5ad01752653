using Softswitch.Testing.Offload;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;

namespace Softswitch.NetFpga.Tests.Contract;

/// <summary>The simplest hardware that keeps the contract: a list of all flows by rank, of which it treats itself those that only output to its own ports.</summary>
internal sealed unsafe class LinearHardware : IOffloadHardware, IFlowOffload
{
    private readonly List<Held> _flows = []; // by falling rank
    private readonly Dictionary<uint, Held> _byId = [];
    private readonly Func<long> _now;
    private bool _suspended;
    private bool _plainPorts = true;
    private OffloadTotals _totals;

    /// <param name="now">Milliseconds of the control clock.</param>
    public LinearHardware(Func<long> now) => _now = now;

    public IFlowOffload Offload => this;

    public void Add(in OffloadEntry entry)
    {
        Held held = new()
        {
            Id = entry.Id,
            IsExact = entry.IsExact,
            Key = entry.Key,
            Mask = entry.Mask,
            Rank = (entry.IsExact ? uint.MaxValue : entry.Priority, ulong.MaxValue - entry.Sequence),
            Actions = entry.Actions.ToArray(),
        };
        _byId.Add(entry.Id, held);
        _flows.Add(held);
        _flows.Sort((a, b) => b.Rank.CompareTo(a.Rank));
    }

    public void Replace(uint replaced, in OffloadEntry entry)
    {
        Remove(replaced);
        Add(entry);
    }

    public void Modify(uint id, ReadOnlySpan<FlowAction> actions) => _byId[id].Actions = actions.ToArray();

    public void Remove(uint id) => _flows.Remove(_byId[id]);

    public void Forget(uint id) => _byId.Remove(id);

    public OffloadCounters Read(uint id) => _byId.TryGetValue(id, out Held? held) ? held.Counters : default;

    public OffloadCounters Poll(uint id) => Read(id);

    public OffloadTotals ReadTotals() => _totals;

    public void SetPorts(ReadOnlySpan<OffloadPort> ports)
    {
        _plainPorts = true;
        foreach (ref readonly OffloadPort port in ports)
        {
            _plainPorts &= port.Config == PortConfig.None && !port.IsScheduled;
        }
    }

    public void Suspend(string? reason) => _suspended = reason != null;

    public int Service(long now) => 1000;

    public void Receive(ushort port, byte[] frame, Action<ushort, byte[]> toWire, Action<ushort, byte[]> toHost)
    {
        FlowKey key = KeyOf(port, frame);
        Held? flow = _flows.Find(flow => FlowKey.Matches(key, flow.Key, flow.Mask));
        if (flow == null || _suspended || !_plainPorts || !Array.TrueForAll(flow.Actions, action => action.Kind == ActionKind.Output && SwitchPair.HardwarePorts.Contains(action.Port)))
        {
            toHost(port, frame);
            return;
        }
        flow.Counters = new OffloadCounters(flow.Counters.Packets + 1, flow.Counters.Bytes + (uint)frame.Length, _now());
        _totals = flow.IsExact
            ? _totals with { ExactMatches = _totals.ExactMatches + 1 }
            : _totals with { WildcardMatches = _totals.WildcardMatches + 1 };
        foreach (FlowAction action in flow.Actions)
        {
            if (action.Port != port)
            {
                toWire(action.Port, frame);
            }
        }
    }

    public void Send(ushort port, byte[] frame, Action<ushort, byte[]> toWire, Action<ushort, byte[]> toHost) => toWire(port, frame);

    public void Dispose()
    {
        _flows.Clear();
        _byId.Clear();
    }

    private static FlowKey KeyOf(ushort port, byte[] frame)
    {
        FlowKey key;
        HeaderOffsets layout;
        fixed (byte* data = frame)
        {
            FlowKeyParser.Parse(data, frame.Length, port, &key, &layout);
        }
        return key;
    }

    private sealed class Held
    {
        public required uint Id { get; init; }

        public required bool IsExact { get; init; }

        public required FlowKey Key { get; init; }

        public required FlowKey Mask { get; init; }

        public required (uint Priority, ulong Age) Rank { get; init; }

        public required FlowAction[] Actions { get; set; }

        public OffloadCounters Counters { get; set; }
    }
}
