using System.Globalization;
using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Text;

namespace Softswitch.Hosting.Captures;

/// <summary>What somebody wants to see of packets.</summary>
internal sealed record CaptureRequest
{
    /// <summary>Where; as they come and as they leave unless others are asked for.</summary>
    public CapturePoints Points { get; init; } = CapturePoints.Received | CapturePoints.Sent;

    /// <summary>Numbers or names; none for all ports.</summary>
    public IReadOnlyList<string> Ports { get; init; } = [];

    /// <summary>In ovs-ofctl's words; empty for all packets.</summary>
    public string Match { get; init; } = string.Empty;

    /// <summary>Bytes of each packet.</summary>
    public int SnapLength { get; init; } = Packet.MaxLength;

    /// <summary>After how many packets it ends; 0 for never.</summary>
    public long Count { get; init; }

    /// <summary>As the query of a request to the management interface.</summary>
    public string ToQuery()
    {
        List<string> words = [.. Enum.GetValues<CapturePoints>().Where(point => (Points & point) != 0).Select(point => $"which={WordOf(point)}")];
        words.AddRange(Ports.Select(port => $"port={Uri.EscapeDataString(port)}"));
        words.Add(string.Create(CultureInfo.InvariantCulture, $"snaplen={SnapLength}"));
        words.AddRange(Count == 0 ? [] : [string.Create(CultureInfo.InvariantCulture, $"count={Count}")]);
        words.Add($"match={Uri.EscapeDataString(Match)}");
        return string.Join('&', words);
    }

    /// <summary>Where packets are taken, in a query's words; null for what is none.</summary>
    public static CapturePoints? PointOf(string word) => word switch
    {
        "in" => CapturePoints.Received,
        "out" => CapturePoints.Sent,
        "dropped" => CapturePoints.Dropped,
        _ => null,
    };

    /// <summary>The filter.</summary>
    /// <param name="findPort">The number of a port by number or name; throws for one that is not there.</param>
    /// <exception cref="OptionException">It cannot be one.</exception>
    public CaptureFilter ToFilter(Func<string, ushort> findPort)
    {
        if (SnapLength < 1)
        {
            throw new OptionException($"--snaplen: '{SnapLength}' is no number of bytes of a packet");
        }
        if (!FlowSyntax.TryParseFlow(Match, FlowSyntaxMode.Delete, null, out ParsedFlow flow, out string error))
        {
            throw new OptionException($"--match '{Match}': {error}");
        }
        if (flow.Warnings.Count > 0)
        {
            throw new OptionException($"--match '{Match}': {flow.Warnings[0]}");
        }
        if (flow.OutPort != PortNumber.None)
        {
            throw new OptionException($"--match '{Match}': out_port: packets are compared, not flow entries; --port N --out takes what leaves by port N");
        }
        if ((flow.Match.Wildcards & FlowWildcards.InPort) == 0)
        {
            throw new OptionException($"--match '{Match}': in_port: a packet that leaves no longer has one; --port N --in takes what port N receives");
        }
        return new CaptureFilter(Points, Ports.Count == 0 ? null : [.. Ports.Select(findPort)], flow.Match, SnapLength);
    }

    private static string WordOf(CapturePoints point) => point switch
    {
        CapturePoints.Received => "in",
        CapturePoints.Sent => "out",
        _ => "dropped",
    };
}
