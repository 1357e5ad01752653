using System.Globalization;
using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Text;

namespace Softswitch.Hosting.Captures;

/// <summary>What somebody wants to see of packets, as it is asked for over the control socket.</summary>
internal sealed record CaptureRequest
{
    /// <summary>How a request begins; words follow, each with its value escaped as in a URL.</summary>
    public const string Verb = "capture";

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

    /// <summary>As one line.</summary>
    public string Format()
    {
        List<string> words = [Verb];
        words.AddRange(Enum.GetValues<CapturePoints>().Where(point => (Points & point) != 0).Select(WordOf));
        words.AddRange(Ports.Select(port => $"port={Uri.EscapeDataString(port)}"));
        words.Add(string.Create(CultureInfo.InvariantCulture, $"snaplen={SnapLength}"));
        words.Add(string.Create(CultureInfo.InvariantCulture, $"count={Count}"));
        words.Add($"match={Uri.EscapeDataString(Match)}");
        return string.Join(' ', words);
    }

    /// <exception cref="OptionException">A word is unknown, or its value makes no sense.</exception>
    public static CaptureRequest Parse(string line)
    {
        CaptureRequest request = new() { Points = CapturePoints.None };
        foreach (string word in line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1))
        {
            int sign = word.IndexOf('=', StringComparison.Ordinal);
            string value = sign < 0 ? string.Empty : Uri.UnescapeDataString(word[(sign + 1)..]);
            request = (sign < 0 ? word : word[..sign]) switch
            {
                "in" => request with { Points = request.Points | CapturePoints.Received },
                "out" => request with { Points = request.Points | CapturePoints.Sent },
                "dropped" => request with { Points = request.Points | CapturePoints.Dropped },
                "port" => request with { Ports = [.. request.Ports, value] },
                "snaplen" => request with { SnapLength = (int)Number("--snaplen", value, Packet.MaxLength) },
                "count" => request with { Count = Number("--count", value, long.MaxValue) },
                "match" => request with { Match = value },
                _ => throw new OptionException($"capture: '{word}' is none of in, out, dropped, port=, snaplen=, count=, match="),
            };
        }
        return request.Points == CapturePoints.None ? request with { Points = new CaptureRequest().Points } : request;
    }

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

    private static long Number(string option, string text, long most) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value <= most
            ? value
            : throw new OptionException($"{option}: '{text}' is not a number from 0 to {most}");
}
