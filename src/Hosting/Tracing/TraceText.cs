namespace Softswitch.Hosting.Tracing;

/// <summary>A trace in lines for people.</summary>
internal static class TraceText
{
    private const int OthersShown = 3;

    public static IEnumerable<string> Lines(TraceReport report)
    {
        yield return $"{report.Length} bytes in by port {report.Key.InPort} ({report.InPortName}): {report.Packet}";
        foreach (TraceStepReport step in report.Steps)
        {
            bool isDecision = step.Kind is "claimed" or "decapsulated" or "spanningTree" or "inBand" or "held" or "reassembled"
                or "entry" or "miss" or "rewrite" or "send";
            string indent = isDecision ? "  " : "    ";
            yield return $"{indent}{step.Text}";
            foreach (string line in Behind(step))
            {
                yield return $"{indent}  {line}";
            }
        }
        yield return $"verdict: {report.Summary}";
    }

    private static IEnumerable<string> Behind(TraceStepReport step)
    {
        if (step.Advice is { Length: > 0 } advice)
        {
            yield return $"what to do: {advice}";
        }
        foreach (string hardware in step.Entry?.Hardware ?? [])
        {
            yield return hardware;
        }
        TraceEntry[] others = [.. (step.Others ?? []).Take(OthersShown)];
        foreach (TraceEntry other in others)
        {
            yield return $"also matches: {other}";
        }
        if (step.OtherCount > others.Length)
        {
            yield return $"and {step.OtherCount - others.Length} more match";
        }
    }
}
