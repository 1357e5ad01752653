using Softswitch.Bench.Flows;
using Softswitch.Bench.Sides;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Pcap;

namespace Softswitch.Bench;

internal enum ChurnKind
{
    /// <summary>Other exact entries come and go.</summary>
    Exact,

    /// <summary>Other wildcard entries come and go; the traffic is matched by wildcard entries too.</summary>
    Wildcard,

    /// <summary>The entries of the traffic are modified.</summary>
    Modify,

    /// <summary>The entries of the traffic are replaced by identical ADDs with other actions.</summary>
    Replace,
}

/// <summary>A switch whose traffic is checked packet by packet, and the flow-mods that go on meanwhile.</summary>
/// <remarks>
/// <code>
/// port 1       replays the traffic; each frame's tag names its lane, 0 or 1
/// ports 2, 3   lane 0 and 1, dl_dst as it came: output
/// ports 4, 5   lane 0 and 1, dl_dst rewritten: set_dl_dst, output
/// port 6       where entries that no packet matches lead
/// </code>
/// Modify and replace switch entries between the two treatments. A packet is right at a port of its own lane with that port's dl_dst:
/// any mixture of an old and a new action list, and any packet treated by another's entry, is counted as misdirected.
/// </remarks>
internal sealed class Churn
{
    /// <summary>Entries that come and go beside the traffic's.</summary>
    public const int OtherEntries = 20_000;

    private const int Lanes = 2;
    private const ushort Input = 1;
    private const ushort FirstPlain = 2;
    private const ushort FirstRewritten = FirstPlain + Lanes;
    private const ushort Trap = FirstRewritten + Lanes;
    private const ulong Rewritten = 0x0200_0000_00bb;
    private const int Seed = 20_100_102;

    // Flow numbers of entries no packet matches.
    private const int FirstOther = 1 << 21;

    // What flows have done to them differs. The order in a loop of few thousand packets branch predictors learn by heart, while nothing changes: it then runs a third faster than
    // traffic whose order does not repeat, and a modification costs the time to learn it anew.
    private const int LeastPackets = 1 << 16;

    // Odd: modifications jump about in the table.
    private const int ModifyStride = 7919;

    private readonly ChurnKind _kind;
    private readonly FlowSet _set;
    private readonly ExactFlows _others = new(1, inputs: 1);
    private readonly CheckingPort[] _outputs;
    private readonly FlowAction[] _actions = new FlowAction[2];
    private long _next;

    public Churn(MeasuredSwitch bench, ChurnKind kind, int flows, CancellationToken cancellation)
    {
        _kind = kind;
        _set = kind == ChurnKind.Wildcard ? new HostRoutes(flows, flows) : new ExactFlows(flows, inputs: 1);
        bench.AddPort(Input, ReplayPort.FromFrames("input", Frames(flows).Until(cancellation)));
        ulong original = _set.FieldsOf(0).DlDst;
        _outputs =
        [
            .. Enumerable.Range(0, Lanes).Select(lane => new CheckingPort($"plain{lane}", (ushort)lane, new MacAddress(original))),
            .. Enumerable.Range(0, Lanes).Select(lane => new CheckingPort($"rewritten{lane}", (ushort)lane, new MacAddress(Rewritten))),
            new CheckingPort("trap", egress: null, new MacAddress(original)),
        ];
        for (int i = 0; i < _outputs.Length; i++)
        {
            bench.AddPort((ushort)(FirstPlain + i), _outputs[i]);
        }
        foreach (int flow in Enumerable.Range(0, flows).Until(cancellation))
        {
            bench.AddFlow(_set.MatchOf(flow), 0x8000, ActionsOf(flow, rewrite: false));
        }
    }

    /// <summary>Packets that came out where and as they should.</summary>
    public long Right => _outputs.Sum(port => port.RightCount);

    /// <summary>Packets that came out elsewhere or otherwise.</summary>
    public long Misdirected => _outputs.Sum(port => port.WrongCount);

    public static long ReadReceived(MeasuredSwitch bench) => (long)bench.ReadPort(Input).ReceivedPackets;

    /// <summary>The next flow-mod in an endless row. Its actions are valid until the next call.</summary>
    public FlowMod Next()
    {
        long number = _next++;
        return _kind switch
        {
            ChurnKind.Exact => AddOrDelete(number, _others.MatchOf(Other(number)), 0x8000),
            ChurnKind.Wildcard => AddOrDelete(number, OtherPrefix(Other(number)), (ushort)(0x7f00 + (Other(number) & 0x1ff))),
            ChurnKind.Modify => Change(number, FlowModCommand.ModifyStrict),
            _ => Change(number, FlowModCommand.Add),
        };
    }

    private static int Other(long number) => FirstOther + (int)(number % OtherEntries);

    /// <summary>A prefix of 172.0.0.0/8, nine lengths of them: none is a destination of the traffic.</summary>
    private static FlowMatch OtherPrefix(int other)
    {
        int length = 24 + (other % 9);
        uint address = 0xac00_0000 | (((uint)other * 0x9e_3779) & 0x00ff_ffff);
        FlowMatch match = FlowMatch.Any with { DlType = EtherType.Ipv4, NwDst = address & (uint.MaxValue << (32 - length)) };
        match.Wildcards &= ~FlowWildcards.DlType;
        match.SetNwWildBits(32, 32 - length);
        return match;
    }

    private FlowMod AddOrDelete(long number, FlowMatch match, ushort priority)
    {
        bool add = number / OtherEntries % 2 == 0;
        _actions[0] = FlowAction.Output(Trap);
        return new FlowMod
        {
            Command = add ? FlowModCommand.Add : FlowModCommand.DeleteStrict,
            Match = match,
            Priority = priority,
            Actions = add ? _actions.AsSpan(0, 1) : default,
        };
    }

    private FlowMod Change(long number, FlowModCommand command)
    {
        int flow = (int)(number * ModifyStride % _set.TrafficFlows);
        bool rewrite = number / _set.TrafficFlows % 2 == 0;
        return new FlowMod { Command = command, Match = _set.MatchOf(flow), Priority = 0x8000, Actions = ActionsOf(flow, rewrite) };
    }

    private ReadOnlySpan<FlowAction> ActionsOf(int flow, bool rewrite)
    {
        int lane = flow % Lanes;
        _actions[0] = rewrite ? FlowAction.SetDlDst(new MacAddress(Rewritten)) : FlowAction.Output((ushort)(FirstPlain + lane));
        _actions[1] = FlowAction.Output((ushort)(FirstRewritten + lane));
        return _actions.AsSpan(0, rewrite ? 2 : 1);
    }

    private IEnumerable<ReadOnlyMemory<byte>> Frames(int flows)
    {
        byte[] frame = new byte[FlowHeaders.MinFrame];
        foreach (int flow in TrafficOrder.Uniform(flows, new Random(Seed), LeastPackets))
        {
            _set.FieldsOf(flow).Write(frame);
            FrameTag.Write(frame.AsSpan(frame.Length - FrameTag.Size), (ushort)(flow % Lanes));
            yield return frame;
        }
    }
}
