namespace Softswitch.Lab.Demo;

/// <summary>The demo as lines of text: for files, pipes and terminals without cursor movement.</summary>
internal sealed class PlainView(TextWriter output)
{
    // So often the tables are shown between the lines for the rounds.
    private const int RoundsPerTable = 5;

    private const int FlowsShown = 12;

    private int _round;

    public void ShowRound(PingMatrix pings, SwitchSnapshot snapshot)
    {
        _round++;
        TimeSpan[] times = [.. pings.Pairs.Where(pair => pair.Last != null).Select(pair => pair.Last!.Value)];
        string latency = times.Length == 0
            ? string.Empty
            : $", min/avg/max {times.Min().TotalMilliseconds:0.00}/{times.Average(t => t.TotalMilliseconds):0.00}/{times.Max().TotalMilliseconds:0.00} ms";
        output.WriteLine($"round {_round}: {times.Length} of {pings.Pairs.Count} pings answered{latency}; {snapshot.Flows.Count} flows");
        foreach (PingPair pair in pings.Pairs.Where(pair => pair.Last == null))
        {
            output.WriteLine($"  no answer: {pair.From.Name} -> {pair.To.Name}");
        }
        if (_round % RoundsPerTable == 1)
        {
            ShowTables(snapshot);
        }
    }

    public void ShowTables(SwitchSnapshot snapshot)
    {
        output.WriteLine("ports:");
        foreach (PortRow row in snapshot.Ports)
        {
            output.WriteLine(
                $"  {row.Port.Number} {row.Port.Name}: rx {row.Counters.ReceivedPackets} packets {row.Counters.ReceivedBytes} bytes, "
                + $"tx {row.Counters.TransmittedPackets} packets {row.Counters.TransmittedBytes} bytes, "
                + $"dropped {row.Counters.ReceiveDropped + row.Counters.TransmitDropped}");
        }
        output.WriteLine($"flows: {snapshot.Flows.Count}, the busiest:");
        foreach (SnapshotFlow flow in snapshot.Flows.Take(FlowsShown))
        {
            output.WriteLine($"  {flow.Packets} packets, {flow.Bytes} bytes, {flow.Age.TotalSeconds:0} s: {flow.Match} actions={flow.Actions}");
        }
    }
}
