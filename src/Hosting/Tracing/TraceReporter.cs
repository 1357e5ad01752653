using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.Datapath.Tracing;
using Softswitch.Hosting.Reports;
using Softswitch.OfAgent.Text;

namespace Softswitch.Hosting.Tracing;

/// <summary>Says for people and programs what a trace recorded. Threads: under the control lock that the trace was made under.</summary>
/// <param name="locate">Where cards have an entry.</param>
internal sealed class TraceReporter(DatapathControl control, Func<uint, IReadOnlyList<string>> locate)
{
    private const int MostOthers = 8;

    private readonly Dictionary<ushort, PortDescription> _ports = control.Ports.Descriptions.ToDictionary(port => port.Number);

    public TraceReport Describe(PacketTrace trace)
    {
        List<TraceStepReport> steps = [];
        List<TraceOutput> outputs = [];
        ushort receiver = trace.InPort;
        foreach (TraceStep step in trace.Steps)
        {
            receiver = step.Kind == TraceStepKind.Decapsulated ? step.Port : receiver;
            steps.Add(Describe(step, receiver));
            switch (step.Kind)
            {
                case TraceStepKind.Output or TraceStepKind.PacketIn:
                    outputs.Add(OutputOf(step));
                    break;
                case TraceStepKind.Encapsulated:
                    TraceOuter outer = new(step.Port, NameOf(step.Port), step.Bytes.Length, Hex(step.Bytes), step.Way);
                    outputs[^1] = outputs[^1] with { Outer = [.. outputs[^1].Outer ?? [], outer] };
                    break;
            }
        }
        PacketFields packet = new(trace.Bytes);
        string inPort = PortNames.Format(trace.InPort);
        string verdict = VerdictOf(trace.Steps);
        return new TraceReport(
            trace.InPort, NameOf(trace.InPort), trace.Bytes.Length, Hex(trace.Bytes), packet.ToString(), packet.Key(inPort), steps, outputs,
            verdict, Summarize(verdict, trace.Steps));
    }

    /// <param name="inPort">That the table sees.</param>
    private TraceStepReport Describe(TraceStep step, ushort inPort) => step.Kind switch
    {
        TraceStepKind.Claimed => Say(step, $"{step.Way}: the port keeps it"),
        TraceStepKind.Decapsulated => Say(step, $"{step.Way}: received by {PortText(step.Port)} as {Headers(step)}", step.Port, step.Bytes),
        TraceStepKind.SpanningTree => Say(step, "an 802.1D frame: spanning tree's, no look-up"),
        TraceStepKind.InBand => Say(step, "the switch's own control connection: bridged past the flow table (in-band control)"),
        TraceStepKind.Held => Say(step, "a fragment: waits for the rest of its datagram"),
        TraceStepKind.Reassembled => Say(step, $"the last fragment: goes on as a datagram of {step.Bytes.Length} bytes", bytes: step.Bytes),
        TraceStepKind.Entry => DescribeEntry(step, inPort),
        TraceStepKind.Miss => Say(step, $"no entry matches: {MissText(inPort)}", bytes: step.Bytes),
        TraceStepKind.Rewrite => DescribeRewrite(step),
        TraceStepKind.Send => Say(step, TextOf([step.Action]), bytes: step.Bytes),
        TraceStepKind.Skipped => Say(step, $"{PortText(step.Port)} is left out: {SkipText(step, inPort)}", step.Port),
        TraceStepKind.Learned => Say(step, $"{step.Station} is at {PortText(step.Port)} from now on", step.Port),
        TraceStepKind.Located => DescribeStation(step),
        TraceStepKind.Output => DescribeOutput(step),
        TraceStepKind.Encapsulated => Say(step, $"in {Headers(step)} by {PortText(step.Port)}{Behind(step.Way)}", step.Port, step.Bytes),
        TraceStepKind.Waiting => Say(step, $"waits at {PortText(step.Port)}{Behind(step.Way)}", step.Port),
        TraceStepKind.Answered => Say(step, $"{PortText(step.Port)} answers, which comes in there: {Headers(step)}", step.Port, step.Bytes),
        TraceStepKind.PacketIn => DescribePacketIn(step),
        TraceStepKind.LeftOut => TraceStepReport.LeftOut(step.Count),
        _ => DescribeDrop(step),
    };

    private static TraceStepReport Say(TraceStep step, string text) => new(ReportJson.NameOf(step.Kind), text);

    private static TraceStepReport Say(TraceStep step, string text, byte[] bytes) => Say(step, text) with { Bytes = Hex(bytes) };

    private TraceStepReport Say(TraceStep step, string text, ushort port, byte[]? bytes = null) =>
        Say(step, text) with { Port = port, PortName = NameOf(port), Bytes = bytes == null ? null : Hex(bytes) };

    private TraceStepReport DescribeEntry(TraceStep step, ushort inPort)
    {
        FlowKeyParser.Parse(step.Bytes, inPort, out FlowKey key, out _);
        TraceEntry[] matches = [.. control.Flows.Entries.FindMatches(key, MostOthers + 1, out int count).Select(EntryOf)];
        TraceEntry entry = EntryOf(step.Entry);
        return Say(step, $"{entry}", bytes: step.Bytes) with { Entry = entry, Others = matches[1..], OtherCount = count - 1 };
    }

    private TraceEntry EntryOf(uint index)
    {
        control.Flows.Entries.Describe(index, out FlowStatistics flow);
        StringBuilder match = new();
        // Its priority stands beside it: here it is left out as ovs-ofctl leaves out the one that nobody gave.
        MatchText.Append(match, flow.Match);
        IReadOnlyList<string> hardware = locate(index);
        return new TraceEntry(
            control.Flows.Entries.IsExact(index) ? 0 : 1, flow.Priority, $"0x{flow.Cookie:x}", flow.PacketCount, match.ToString(), TextOf(flow.Actions),
            hardware.Count == 0 ? null : hardware);
    }

    private static TraceStepReport DescribeRewrite(TraceStep step)
    {
        IReadOnlyList<FieldChange> changes = new PacketFields(step.Before).Compare(new PacketFields(step.Bytes));
        bool isForTunnel = step.Action.Kind is ActionKind.SetTunnel or ActionKind.SetTunnelDestination;
        string text = isForTunnel ? "for tunnels whose flows choose it"
            : changes.Count == 0 ? "changes nothing"
            : string.Join(", ", changes.Select(change => $"{change.Field} {change.From} -> {change.To}"));
        return Say(step, $"{TextOf([step.Action])}: {text}", bytes: step.Bytes) with { Changes = changes };
    }

    private TraceStepReport DescribeStation(TraceStep step) => step.Port == 0
        ? Say(step, step.Station.IsMulticast ? $"{step.Station} is a group: flooded" : $"nobody knows where {step.Station} is: flooded")
        : Say(step, $"{step.Station} is at {PortText(step.Port)}", step.Port);

    private TraceStepReport DescribeOutput(TraceStep step)
    {
        string queue = step.Queue is not { } id ? ""
            : FindQueue(step.Port, id) is { } found ? $", by queue {id}{RatesOf(found)}"
            : $", by the port itself: it has no queue {id}";
        string checksums = new PacketFields(step.Bytes).Checksums;
        checksums = checksums.Length == 0 ? "" : $", checksums {checksums}";
        string text = $"leaves by {PortText(step.Port)}{queue}: {step.Bytes.Length} bytes{checksums}";
        return Say(step, text, step.Port, step.Bytes) with { Queue = step.Queue };
    }

    private QueueConfig? FindQueue(ushort port, uint id)
    {
        foreach (QueueConfig queue in control.Queues.Read(port))
        {
            if (queue.Id == id)
            {
                return queue;
            }
        }
        return null;
    }

    private static string RatesOf(in QueueConfig queue) =>
        (queue.MinRate == 0 ? "" : $" with {queue.MinRate} bit/s at least")
        + (queue.MaxRate == 0 ? "" : $" with {queue.MaxRate} bit/s at most");

    private static TraceStepReport DescribePacketIn(TraceStep step)
    {
        int all = step.Bytes.Length;
        string length = AsksFor(step) is { } most ? $"{Math.Min(most, all)} of {all} bytes" : $"{all} bytes, as many of them as it wants";
        string reason = step.PacketInReason == PacketInReason.NoMatch ? "no entry matches" : "an action says so";
        string text = $"to the controller, because {reason}: {length}";
        return Say(step, text, bytes: step.Bytes) with { Reason = ReportJson.NameOf(step.PacketInReason) };
    }

    private TraceStepReport DescribeDrop(TraceStep step)
    {
        DropText why = DropTexts.Of(step.Reason);
        string place = step.Port == 0 ? "" : $" at {PortText(step.Port)}";
        string text = $"{(step.Count == 1 ? "" : $"{step.Count} packets ")}dropped{place}: {why.Words}";
        TraceStepReport said = step.Port == 0 ? Say(step, text) : Say(step, text, step.Port);
        return said with { Reason = ReportJson.NameOf(step.Reason), Advice = why.Advice, Count = step.Count };
    }

    private string MissText(ushort inPort) => (control.Flows.Emergency.InForce ? "the emergency entries hold; " : "") + control.Pipeline.MissBehaviour switch
    {
        MissBehaviour.Normal => "no controller, and the fail mode is standalone: treated as by NORMAL",
        MissBehaviour.Drop => "no controller, and the fail mode is secure",
        _ when (_ports[inPort].Config & PortConfig.NoPacketIn) != 0 => "and the port is not to ask the controller (NO_PACKET_IN)",
        _ => "the controller is asked",
    };

    private string SkipText(TraceStep step, ushort inPort)
    {
        if (step.Port == inPort)
        {
            return "the packet came in there";
        }
        PortConfig config = _ports[step.Port].Config & step.Excluded;
        return config != PortConfig.None ? string.Join(", ", ReportJson.NamesOf(config)) : "spanning tree keeps it from forwarding";
    }

    private static TraceOutput OutputOf(TraceStep step, string name)
    {
        PacketFields packet = new(step.Bytes);
        bool isPacketIn = step.Kind == TraceStepKind.PacketIn;
        return new TraceOutput(
            isPacketIn ? PortNumber.Controller : step.Port, name, step.Queue, step.Bytes.Length, Hex(step.Bytes),
            packet.ToString(), packet.Checksums,
            isPacketIn ? ReportJson.NameOf(step.PacketInReason) : null, isPacketIn ? AsksFor(step) : null);
    }

    private TraceOutput OutputOf(TraceStep step) => OutputOf(step, step.Kind == TraceStepKind.PacketIn ? "controller" : NameOf(step.Port));

    private static int? AsksFor(TraceStep step) =>
        step.PacketInReason == PacketInReason.NoMatch || step.MaxLength == ushort.MaxValue ? null : step.MaxLength;

    private static string VerdictOf(IReadOnlyList<TraceStep> steps)
    {
        TraceStepKind? best = steps.Select(step => (TraceStepKind?)step.Kind).Where(kind => RankOf(kind) > 0).MaxBy(RankOf);
        return best switch
        {
            TraceStepKind.Output => "forwarded",
            TraceStepKind.PacketIn => "controller",
            TraceStepKind.Held => "held",
            TraceStepKind.SpanningTree or TraceStepKind.Claimed => "used",
            _ => "dropped",
        };

        int RankOf(TraceStepKind? kind) => kind switch
        {
            TraceStepKind.Output => 4,
            TraceStepKind.PacketIn => 3,
            TraceStepKind.Held => 2,
            TraceStepKind.SpanningTree => 1,
            TraceStepKind.Claimed when !steps.Any(step => step.Kind == TraceStepKind.Dropped) => 1,
            _ => 0,
        };
    }

    private string Summarize(string verdict, IReadOnlyList<TraceStep> steps)
    {
        string[] ports = [.. steps.Where(step => step.Kind == TraceStepKind.Output).Select(step => PortText(step.Port)).Distinct()];
        IEnumerable<TraceStep> dropped = steps.Where(step => step.Kind == TraceStepKind.Dropped);
        string[] drops = [.. dropped.Select(step => DropTexts.Of(step.Reason).Words).Distinct()];
        List<string> parts = [];
        if (ports.Length > 0)
        {
            parts.Add($"leaves by {string.Join(", ", ports)}");
        }
        if (steps.Any(step => step.Kind == TraceStepKind.PacketIn))
        {
            parts.Add("goes to the controller");
        }
        if (verdict is "held")
        {
            parts.Add("waits for the rest of its datagram");
        }
        if (verdict is "used")
        {
            parts.Add(steps.Any(step => step.Kind == TraceStepKind.Claimed) ? "is the port's own" : "is spanning tree's");
        }
        if (drops.Length > 0)
        {
            parts.Add($"{(parts.Count == 0 ? "" : "in part ")}dropped: {string.Join(", ", drops)}");
        }
        return string.Join("; ", parts);
    }

    private string NameOf(ushort port) => _ports.TryGetValue(port, out PortDescription found) ? found.Name : "";

    private string PortText(ushort port) => port == 0 ? "a port that is gone" : $"port {PortNames.Format(port)} ({NameOf(port)})";

    private static string TextOf(ReadOnlySpan<FlowAction> actions)
    {
        StringBuilder text = new();
        ActionText.AppendFirst(text, actions);
        return text.ToString();
    }

    private static string Behind(string way) => way.Length == 0 ? "" : $", {way}";

    private static string Headers(TraceStep step) => $"{new PacketFields(step.Bytes)} ({step.Bytes.Length} bytes)";

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
