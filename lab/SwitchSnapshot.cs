using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Text;

namespace Softswitch.Lab;

/// <summary>A flow entry as a person reads it.</summary>
internal sealed record SnapshotFlow(ushort Priority, string Match, string Actions, ulong Packets, ulong Bytes, TimeSpan Age);

/// <summary>Looks at a flow entry, which is valid during the call.</summary>
internal delegate void FlowVisitor(in FlowStatistics flow);

/// <summary>Tells whether a flow entry is what is looked for.</summary>
internal delegate bool FlowPredicate(in FlowStatistics flow);

/// <summary>A port with its counters.</summary>
internal sealed record PortRow(PortDescription Port, PortStatistics Counters);

/// <summary>The switch at one moment, for the views.</summary>
internal sealed record SwitchSnapshot(IReadOnlyList<PortRow> Ports, IReadOnlyList<SnapshotFlow> Flows)
{
    /// <summary>Reads table and counters; holds the control lock for that long.</summary>
    public static SwitchSnapshot Take(DatapathControl control)
    {
        var ports = new List<PortRow>();
        var flows = new List<SnapshotFlow>();
        using (control.Enter())
        {
            foreach (PortDescription port in control.Ports.Descriptions)
            {
                control.Ports.TryRead(port.Number, out PortStatistics counters);
                ports.Add(new PortRow(port, counters));
            }
            Visit(control, (in flow) => flows.Add(Describe(flow)));
        }
        flows.Sort((a, b) => b.Packets.CompareTo(a.Packets));
        return new SwitchSnapshot(ports, flows);
    }

    /// <summary>Looks at every flow entry, under the control lock.</summary>
    public static void Visit(DatapathControl control, FlowVisitor look)
    {
        var all = new FlowFilter(FlowMatch.Any);
        for (uint cursor = 0; control.Flows.Next(ref cursor, all, out FlowStatistics flow);)
        {
            look(flow);
        }
    }

    private static SnapshotFlow Describe(in FlowStatistics flow)
    {
        var match = new StringBuilder();
        MatchText.Append(match, flow.Match, flow.Priority);
        var actions = new StringBuilder();
        ActionText.Append(actions, flow.Actions);
        return new SnapshotFlow(flow.Priority, match.ToString(), actions.ToString(), flow.PacketCount, flow.ByteCount, flow.Duration);
    }
}
