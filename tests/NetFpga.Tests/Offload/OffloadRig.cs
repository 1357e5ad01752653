using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Offload;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>An offload over a model of a card, the oracle beside it, and frames that must fare alike in both.</summary>
/// <remarks>The card's ports are the switch's 1 to 4; port 5 is elsewhere.</remarks>
internal sealed class OffloadRig : IDisposable
{
    public const ushort Elsewhere = 5;

    private readonly List<string> _log = [];
    private FlowKey[] _probes = [];
    private SoftwareTable? _before;

    public OffloadRig(OffloadLevel level = OffloadLevel.On, CardLayout layout = CardLayout.V10)
    {
        Layout = layout;
        Offload = new NetFpgaOffload(Card, layout, level, [1, 2, 3, 4], _log.Add);
        SetPorts(PortsWith());
    }

    public CardLayout Layout { get; }

    public ModelCard Card { get; } = new();

    public NetFpgaOffload Offload { get; }

    public SoftwareTable Table { get; } = new();

    public IReadOnlyList<string> Log => _log;

    /// <summary>Frames that were looked at, and those of them that the card forwarded or dropped by itself.</summary>
    public (long All, long ByCard) Looked { get; private set; }

    /// <summary>Ports 1 to 5 with a configuration for some.</summary>
    public static OffloadPort[] PortsWith(params (ushort Number, PortConfig Config)[] configured) =>
        [.. Enumerable.Range(1, 5).Select(number => new OffloadPort((ushort)number, configured.FirstOrDefault(port => port.Number == number).Config, IsScheduled: false))];

    /// <summary>From now on these frames are sent after every register write: the card must treat them as the table before the call or after it does, or punt them.</summary>
    public void Watch(params FlowKey[] probes)
    {
        _probes = probes;
        Card.Written = probes.Length == 0 ? null : CheckDuring;
    }

    public void Add(SoftwareFlow flow)
    {
        Begin();
        Table.Flows.Add(flow.Id, flow);
        Offload.Add(flow.ToEntry());
        CheckAfter();
    }

    public void Replace(uint old, SoftwareFlow flow)
    {
        Begin();
        Table.Flows.Remove(old);
        Table.Flows.Add(flow.Id, flow);
        Offload.Replace(old, flow.ToEntry());
        CheckAfter();
    }

    public void Modify(uint id, params FlowAction[] actions)
    {
        Begin();
        Table.Flows[id] = Table.Flows[id] with { Actions = actions };
        Offload.Modify(id, actions);
        CheckAfter();
    }

    public void Remove(uint id)
    {
        Begin();
        Table.Flows.Remove(id);
        Offload.Remove(id);
        CheckAfter();
    }

    public void SetPorts(params OffloadPort[] ports)
    {
        Begin();
        Table.Ports = ports;
        Offload.SetPorts(ports);
        CheckAfter();
    }

    public void Suspend(string? reason)
    {
        Begin();
        Offload.Suspend(reason);
        CheckAfter();
    }

    /// <summary>Sends a frame through the card; true if the card treated it by itself.</summary>
    public bool Send(in FlowKey key, int length = 100) => !IsPunt(Card.Forward(CardKey(key), length), key);

    public bool IsForwarded(in FlowKey key) => !IsPunt(Card.LookUp(CardKey(key)), key);

    public void CheckAfter()
    {
        _before = null;
        CheckDuring();
    }

    public OffloadedFlow Describe(uint id) => Offload.Describe().Single(flow => flow.Id == id);

    public void Dispose() => Offload.Dispose();

    private void Begin() => _before = Table.Copy();

    private void CheckDuring()
    {
        foreach (ref readonly FlowKey probe in _probes.AsSpan())
        {
            Check(probe);
        }
    }

    private void Check(in FlowKey key)
    {
        KeyWords frame = CardKey(key);
        CheckFromHost(frame, key.InPort - 1);
        ActionWords words = Card.LookUp(frame);
        Looked = (Looked.All + 1, Looked.ByCard);
        if (IsPunt(words, key))
        {
            return;
        }
        Looked = (Looked.All, Looked.ByCard + 1);
        List<(ushort Port, ModelFrame Frame)> sent = ByCard(words, key);
        if (!Same(sent, Table.Outcome(key)) && !Same(sent, _before?.Outcome(key)))
        {
            Assert.Fail($"{key}: the card sends {string.Join(", ", sent)}; software: {Table.Winner(key)}; before: {_before?.Winner(key)}; hit {Card.Find(CardKey(key))}");
        }
    }

    /// <summary>The same frame sent by the host leaves by the wire of its queue, whatever the flows say (docs/netfpga-hardware.md, rule 5).</summary>
    private void CheckFromHost(KeyWords frame, int port)
    {
        KeyFields.Source.Set(frame, (ulong)CardPort.Queue(port));
        ActionWords words = Card.LookUp(frame);
        Assert.Equal(CardPort.WireBit(port), words[0]);
    }

    /// <summary>What the card's parser makes of a frame.</summary>
    public KeyWords CardKey(in FlowKey key)
    {
        Assert.True(MatchCodec.TryEncodeExact(CardLayout.V10, key, key.InPort - 1, out KeyWords words, out string? reason), reason);
        words[KeyWords.Count - 1] &= 0x7fffffff;
        return words;
    }

    private static bool IsPunt(in ActionWords words, in FlowKey key) => words[0] == CardPort.QueueBit(key.InPort - 1);

    private List<(ushort Port, ModelFrame Frame)> ByCard(in ActionWords words, in FlowKey key)
    {
        ModelFrame frame = ModelFrame.Of(key);
        CardActions actions = ActionCodec.Decode(Layout, words);
        foreach (FlowAction action in actions.Rewrites)
        {
            frame = frame.With(action);
        }
        List<(ushort Port, ModelFrame Frame)> sent = [];
        for (int destination = 0; destination < 16; destination++)
        {
            if ((actions.Bitmap & (1 << destination)) != 0)
            {
                // The host's queues are no ports of the switch: whoever sends there and does not punt is found out.
                sent.Add((destination % 2 == 0 ? (ushort)((destination / 2) + 1) : ushort.MaxValue, frame));
            }
        }
        return sent;
    }

    private static bool Same(List<(ushort Port, ModelFrame Frame)> sent, List<(ushort Port, ModelFrame Frame)>? expected) =>
        expected != null && sent.OrderBy(copy => copy.Port).SequenceEqual(expected.OrderBy(copy => copy.Port));
}
