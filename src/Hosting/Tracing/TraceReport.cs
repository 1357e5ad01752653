using System.Text.Json.Serialization;

namespace Softswitch.Hosting.Tracing;

/// <summary>The way of one packet through the switch. As JSON in camelCase, without what is null; fields that exist stay.</summary>
/// <param name="InPort">OpenFlow's number.</param>
/// <param name="InPortName">Its name.</param>
/// <param name="Length">Bytes of the packet.</param>
/// <param name="Bytes">The packet, hexadecimal.</param>
/// <param name="Packet">Its headers in a match's words.</param>
/// <param name="Key">What the flow table compares.</param>
/// <param name="Steps">In the order in which they happen.</param>
/// <param name="Outputs">Where packets leave, the controller included.</param>
/// <param name="Verdict"><c>forwarded</c> by a port, given to the <c>controller</c> alone, <c>held</c>, <c>used</c> by the switch
/// itself, or <c>dropped</c>.</param>
/// <param name="Summary">One line.</param>
internal sealed record TraceReport(
    int InPort,
    string InPortName,
    int Length,
    string Bytes,
    string Packet,
    TraceKey Key,
    IReadOnlyList<TraceStepReport> Steps,
    IReadOnlyList<TraceOutput> Outputs,
    string Verdict,
    string Summary)
{
    /// <summary>With as many of the steps as there is room for, and how many are left out behind them.</summary>
    /// <param name="bytes">Of text, about.</param>
    public TraceReport Fit(int bytes)
    {
        int kept = 0;
        int outputs = 0;
        for (; kept < Steps.Count; kept++)
        {
            TraceStepReport step = Steps[kept];
            bool isOutput = step.Kind is "output" or "packetIn";
            bytes -= step.Size + (isOutput ? Outputs[outputs].Size : 0);
            if (bytes < 0)
            {
                break;
            }
            outputs += isOutput ? 1 : 0;
        }
        if (kept == Steps.Count)
        {
            return this;
        }
        int left = Steps.Skip(kept).Sum(step => step.Kind == TraceStepReport.LeftOutKind ? step.Count ?? 0 : 1);
        return this with { Steps = [.. Steps.Take(kept), TraceStepReport.LeftOut(left)], Outputs = [.. Outputs.Take(outputs)] };
    }
}

/// <summary>The twelve fields of OpenFlow 1.0 as people write them; null for a tag's where there is none.</summary>
internal sealed record TraceKey(
    string InPort,
    string DlSrc,
    string DlDst,
    int? DlVlan,
    int? DlVlanPcp,
    string DlType,
    int NwTos,
    int NwProto,
    string NwSrc,
    string NwDst,
    int TpSrc,
    int TpDst);

/// <summary>One step. What does not belong to its kind is null.</summary>
/// <param name="Kind">
/// <c>claimed</c>, <c>decapsulated</c>, <c>spanningTree</c>, <c>inBand</c>, <c>held</c>, <c>reassembled</c>, <c>entry</c>,
/// <c>miss</c>, <c>rewrite</c>, <c>send</c>, <c>skipped</c>, <c>learned</c>,
/// <c>located</c>, <c>output</c>, <c>encapsulated</c>, <c>waiting</c>, <c>answered</c>, <c>packetIn</c>, <c>dropped</c>, <c>leftOut</c>.
/// </param>
/// <param name="Text">One line for people.</param>
/// <param name="Port">The port it is about.</param>
/// <param name="PortName">Its name.</param>
/// <param name="Entry">The entry that matched.</param>
/// <param name="Others">The next best that match as well, best first; some of them.</param>
/// <param name="OtherCount">How many of these there are.</param>
/// <param name="Changes">Fields that an action changed.</param>
/// <param name="Reason">Of a drop, as in other reports, or of a packet-in.</param>
/// <param name="Advice">Of a drop: what to do about it.</param>
/// <param name="Count">Packets dropped, or steps left out.</param>
/// <param name="Queue">The port's queue that was named.</param>
/// <param name="Bytes">The packet after this step, hexadecimal.</param>
internal sealed record TraceStepReport(
    string Kind,
    string Text,
    int? Port = null,
    string? PortName = null,
    TraceEntry? Entry = null,
    IReadOnlyList<TraceEntry>? Others = null,
    int? OtherCount = null,
    IReadOnlyList<FieldChange>? Changes = null,
    string? Reason = null,
    string? Advice = null,
    int? Count = null,
    uint? Queue = null,
    string? Bytes = null)
{
    public const string LeftOutKind = "leftOut";

    /// <summary>Its text in a reply, and about what stands around it.</summary>
    [JsonIgnore]
    public int Size => 200 + Text.Length + (Bytes?.Length ?? 0) + (Entry?.Size ?? 0) + (Others?.Sum(other => other.Size) ?? 0);

    /// <summary>Instead of so many steps.</summary>
    public static TraceStepReport LeftOut(int count) => new(LeftOutKind, $"{count} more steps are not shown", Count: count);
}

/// <summary>A flow entry that matches.</summary>
/// <param name="Table">0 for one without wildcards, else 1.</param>
/// <param name="Priority">As given; an entry of table 0 comes before all of table 1.</param>
/// <param name="Cookie">Hexadecimal.</param>
/// <param name="Packets">That it has matched so far.</param>
/// <param name="Match">In ovs-ofctl's words; empty for every packet.</param>
/// <param name="Actions">In ovs-ofctl's words.</param>
/// <param name="Hardware">Where cards hold it, or why they do not; null without cards.</param>
internal sealed record TraceEntry(
    int Table, int Priority, string Cookie, ulong Packets, string Match, string Actions, IReadOnlyList<string>? Hardware)
{
    /// <summary>Its text in a reply, and about what stands around it.</summary>
    [JsonIgnore]
    public int Size => 200 + Match.Length + Actions.Length;

    /// <inheritdoc/>
    public override string ToString() =>
        $"table {Table}, priority {Priority}, cookie {Cookie}, {Packets} packets: "
        + $"{(Match.Length == 0 ? "all packets" : Match)} actions={Actions}";
}

/// <summary>A field of the packet before and after an action.</summary>
internal sealed record FieldChange(string Field, string From, string To);

/// <summary>Where a packet leaves.</summary>
/// <param name="Port">The port's number; that of OFPP_CONTROLLER for the controller.</param>
/// <param name="Name">The port's.</param>
/// <param name="Queue">The port's queue that was named, whether it has it or not; null for none.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Bytes">Hexadecimal.</param>
/// <param name="Packet">Its headers in a match's words.</param>
/// <param name="Checksums">Such as <c>ip right, tcp wrong</c>; empty without any.</param>
/// <param name="Reason">Of a packet-in: <c>noMatch</c> or <c>action</c>.</param>
/// <param name="MaxLength">Of a packet-in: how many of the bytes the action asks for; null for as many as the controller set.</param>
/// <param name="Outer">The packets it is put into; null for a port that is no tunnel.</param>
internal sealed record TraceOutput(
    int Port,
    string Name,
    uint? Queue,
    int Length,
    string Bytes,
    string Packet,
    string Checksums,
    string? Reason = null,
    int? MaxLength = null,
    IReadOnlyList<TraceOuter>? Outer = null)
{
    /// <summary>Its text in a reply, and about what stands around it.</summary>
    [JsonIgnore]
    public int Size => 200 + Bytes.Length + Packet.Length + (Outer?.Sum(outer => 100 + outer.Bytes.Length + outer.Way.Length) ?? 0);
}

/// <summary>A packet that a tunnel sends.</summary>
/// <param name="Port">The port below, by which it leaves; 0 if that is gone.</param>
/// <param name="Name">Its name.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Bytes">Hexadecimal.</param>
/// <param name="Way">Such as the next hop.</param>
internal sealed record TraceOuter(int Port, string Name, int Length, string Bytes, string Way);

/// <summary>What is to be traced: packets, or the words of one.</summary>
/// <param name="InPort">Number or name of the port they come in by; null if <paramref name="Flow"/> says so.</param>
/// <param name="Flow">A packet in a match's words; null where there are <paramref name="Packets"/>.</param>
/// <param name="Length">Bytes of the packet made of the words; null for as few as an Ethernet frame has.</param>
/// <param name="Packets">From the Ethernet header on, without FCS; traced one after the other, each as if those before it had
/// passed.</param>
internal sealed record TraceRequest(string? InPort, string? Flow, int? Length, IReadOnlyList<byte[]> Packets);

/// <summary>Requests and reports as JSON on one line, with code made at compile time.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TraceRequest))]
[JsonSerializable(typeof(IReadOnlyList<TraceReport>))]
internal sealed partial class TraceJson : JsonSerializerContext;
