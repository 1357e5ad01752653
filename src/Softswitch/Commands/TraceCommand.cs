using System.CommandLine;
using System.Text.Json;
using Softswitch.Datapath.Packets;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Tracing;
using Softswitch.OfAgent.Text;
using Softswitch.Ports.Pcap;

namespace Softswitch.Commands;

/// <summary><c>softswitch trace</c>: what a running switch would do with a packet.</summary>
internal static class TraceCommand
{
    // Base64 makes 4 bytes of 3, and some words stand around them.
    private const int BytesOfRequest = (ManagementRequest.LongestBody - 4096) / 4 * 3;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly Argument<string[]> Words = new("flow")
    {
        HelpName = "[TARGET] FLOW",
        Arity = new ArgumentArity(0, 2),
        Description = "FLOW: a packet in a match's words, such as in_port=1,tcp,nw_dst=10.0.0.2,tp_dst=80; what it leaves open is 0. "
            + $"TARGET: {ControlSockets.TargetDescription}",
    };

    private static readonly Option<string?> Hex = new("--hex")
    {
        HelpName = "BYTES",
        Description = "the packet itself, from the Ethernet header on",
    };

    private static readonly Option<string?> Pcap = new("--pcap")
    {
        HelpName = "FILE",
        Description = "the packets of a capture, one after the other",
    };

    private static readonly Option<string?> InPort = new("--in-port") { HelpName = "N|NAME", Description = "the port they come in by" };
    private static readonly Option<int?> Length = new("--length")
    {
        HelpName = "N",
        Description = "bytes of the packet made of FLOW; 60 if its headers are not longer",
    };

    private static readonly Option<bool> Json = new("--json") { Description = "for programs: an array with an object for each packet" };

    public static Command Create()
    {
        const string description = "Show what a running switch would do with a packet, step by step; nothing is sent, no counter moves.";
        Command command = new("trace", description)
        {
            Words, Hex, Pcap, InPort, Length, Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        string[] words = parsed.GetValue(Words) ?? [];
        string? hex = parsed.GetValue(Hex);
        string? pcap = parsed.GetValue(Pcap);
        bool hasPackets = hex != null || pcap != null;
        int most = hasPackets ? 1 : 2;
        bool hasFlow = !hasPackets && words.Length > 0 && !words[^1].StartsWith("unix:", StringComparison.Ordinal);
        if ((hex != null && pcap != null) || words.Length > most || hasFlow == hasPackets)
        {
            throw new OptionException("trace: one of FLOW, --hex BYTES and --pcap FILE, and no more than a TARGET before it");
        }
        if (hasPackets && parsed.GetValue(Length) != null)
        {
            throw new OptionException("--length: is for a packet made of FLOW");
        }
        string target = ControlSockets.Find(words.Length == most ? words[0] : null);
        var request = new TraceRequest(parsed.GetValue(InPort), hasPackets ? null : words[^1], parsed.GetValue(Length), []);
        List<TraceReport> reports = [];
        foreach (IReadOnlyList<byte[]> packets in hex != null ? [[ReadHex(hex)]] : pcap != null ? ReadPcap(pcap) : [[]])
        {
            string json = JsonSerializer.Serialize(request with { Packets = packets }, TraceJson.Default.TraceRequest);
            string answer = ManagementClient.Ask(target, ManagementRequest.Trace(json), Patience);
            reports.AddRange(ManagementClient.Parse(target, answer, TraceJson.Default.IReadOnlyListTraceReport));
        }
        if (parsed.GetValue(Json))
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(reports, TraceJson.Default.IReadOnlyListTraceReport));
            return 0;
        }
        for (int i = 0; i < reports.Count; i++)
        {
            Console.Out.Write(i == 0 ? "" : "\n");
            foreach (string line in TraceText.Lines(reports[i]))
            {
                Console.Out.WriteLine(line);
            }
        }
        return 0;
    }

    private static byte[] ReadHex(string text) =>
        PacketOutSyntax.TryParsePacket(text, out byte[] packet, out string error) ? packet : throw new OptionException($"--hex: {error}");

    /// <summary>The packets of a file, as many at a time as a request has room for.</summary>
    private static IEnumerable<IReadOnlyList<byte[]>> ReadPcap(string path)
    {
        using PcapReader reader = PcapReader.Open(path, Packet.MaxLength);
        List<byte[]> packets = [];
        int bytes = 0;
        while (ReadNext(reader) is { } frame)
        {
            if (packets.Count > 0 && bytes + frame.Length + 3 > BytesOfRequest)
            {
                yield return packets;
                (packets, bytes) = ([], 0);
            }
            packets.Add(frame);
            bytes += frame.Length + 8; // with quotation marks and a comma
        }
        yield return packets.Count > 0 ? packets : throw new OptionException($"--pcap: {path}: no packets");
    }

    private static byte[]? ReadNext(PcapReader reader) => reader.TryRead(out ReadOnlySpan<byte> frame) ? frame.ToArray() : null;
}
