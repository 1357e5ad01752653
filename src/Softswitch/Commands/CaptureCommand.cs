using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Packets;
using Softswitch.Hosting.Captures;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Processes;
using Softswitch.OfAgent.Text;
using Softswitch.Ports.Pcap;

namespace Softswitch.Commands;

/// <summary><c>softswitch capture</c>: shows or keeps packets of a running switch, over the socket of its <c>--control</c>.</summary>
internal static class CaptureCommand
{
    // Enough for every header that a line shows.
    private const int ShownBytes = 192;

    private const int BufferSize = 1 << 16;
    private const int StandardOutput = 1;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private static readonly Argument<string?> Target = TargetArgument.Alone();

    private static readonly Option<string[]> PortOption = new("--port", "-p")
    {
        HelpName = "N|NAME",
        Description = "Packets of this port only; may be given several times. Without it of all ports, those to come included.",
    };

    private static readonly Option<bool> InOption = new("--in") { Description = "Packets as ports receive them. Without --in, --out and --dropped: as they come and as they leave." };

    private static readonly Option<bool> OutOption = new("--out") { Description = "Packets as ports are given them to send." };

    private static readonly Option<bool> DroppedOption = new("--dropped") { Description = "Packets that end inside the switch, with the reason." };

    private static readonly Option<string> MatchOption = new("--match", "-m")
    {
        HelpName = "FLOW",
        Description = "Packets that match at that point, in ovs-ofctl's words: tcp,tp_dst=80.",
        DefaultValueFactory = _ => string.Empty,
    };

    private static readonly Option<int?> SnapLengthOption = new("--snaplen", "-s")
    {
        HelpName = "N",
        Description = $"Bytes of each packet, up to {Packet.MaxLength}; all of them with -w where it is left out.",
    };

    private static readonly Option<long> CountOption = new("--count", "-c") { HelpName = "N", Description = "End after so many packets." };

    private static readonly Option<string?> WriteOption = new("--write", "-w")
    {
        HelpName = "FILE|-",
        Description = "Write pcapng, to standard output with -; without it, a line for each packet.",
    };

    public static Command Create()
    {
        Command command = new("capture", "Show or keep packets of a running switch: as they come, as they leave, or where they are dropped.")
        {
            Target, PortOption, InOption, OutOption, DroppedOption, MatchOption, SnapLengthOption, CountOption, WriteOption,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        string? path = parsed.GetValue(WriteOption);
        CaptureRequest request = new()
        {
            Points = ReadPoints(parsed),
            Ports = parsed.GetValue(PortOption) ?? [],
            Match = parsed.GetRequiredValue(MatchOption),
            SnapLength = ReadNumber(parsed, SnapLengthOption, Packet.MaxLength) ?? (path == null ? ShownBytes : Packet.MaxLength),
            Count = parsed.GetValue(CountOption) is >= 0 and long count ? count : throw new OptionException($"--count: '{parsed.GetValue(CountOption)}' is below 0"),
        };
        string target = ControlSockets.Find(parsed.GetValue(Target));
        string name = $"{Guid.NewGuid():N}";
        using Stream stream = ManagementClient.Open(target, ManagementRequest.Capture(request, name), Timeout);
        using TerminationSignal signal = new();
        using CancellationTokenRegistration end = signal.Token.Register(() => End(target, name));
        FileStream output = Open(path ?? "-");
        Console.Error.WriteLine(path is null or "-" ? "capturing" : $"capturing to {path}");
        return Copy(new PcapNgReader(stream), output, path);
    }

    private static CapturePoints ReadPoints(ParseResult parsed)
    {
        CapturePoints points = (parsed.GetValue(InOption) ? CapturePoints.Received : CapturePoints.None)
            | (parsed.GetValue(OutOption) ? CapturePoints.Sent : CapturePoints.None)
            | (parsed.GetValue(DroppedOption) ? CapturePoints.Dropped : CapturePoints.None);
        return points == CapturePoints.None ? new CaptureRequest().Points : points;
    }

    private static int? ReadNumber(ParseResult parsed, Option<int?> option, int most) => parsed.GetValue(option) switch
    {
        null => null,
        >= 1 and int value when value <= most => value,
        int value => throw new OptionException($"{option.Name}: '{value}' is not a number from 1 to {most}"),
    };

    /// <summary>The switch sends the rest, and then the end.</summary>
    private static void End(string target, string name)
    {
        try
        {
            ManagementClient.Ask(target, ManagementRequest.EndCapture(name), Timeout);
        }
        catch (OptionException)
        {
            // It is over already.
        }
    }

    /// <summary>A file, or standard output itself: .NET's console says nothing when nobody reads there any more.</summary>
    private static FileStream Open(string path)
    {
        try
        {
            return path == "-"
                ? new FileStream(new SafeFileHandle(StandardOutput, ownsHandle: false), FileAccess.Write, BufferSize)
                : new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, BufferSize);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new OptionException($"--write: {path}: {e.Message}", e);
        }
    }

    /// <param name="path">Null to show packets as lines.</param>
    private static int Copy(PcapNgReader reader, FileStream output, string? path)
    {
        long packets = 0;
        long? lost = null;
        try
        {
            using FileStream whole = output; // what is left in its buffer may fail, too
            while (reader.TryRead())
            {
                packets += reader.Type == PcapNgFormat.EnhancedPacket ? 1 : 0;
                lost = reader.Type == PcapNgFormat.InterfaceStatistics ? (lost ?? 0) + reader.ReadDropped() : lost;
                Write(output, reader, asLines: path == null);
            }
        }
        catch (IOException e) when (e.InnerException is not SocketException)
        {
            return path is null or "-" ? 0 : throw new OptionException($"--write: {path}: {e.Message}", e); // who read it has seen enough
        }
        Console.Error.WriteLine($"{packets} packets captured");
        if (lost > 0)
        {
            Console.Error.WriteLine($"{lost} more were lost to the capture: they came faster than they were taken (--match and --snaplen make it less)");
        }
        return lost != null ? 0 : throw new OptionException("the switch ended before the capture did");
    }

    private static void Write(FileStream output, PcapNgReader reader, bool asLines)
    {
        if (!asLines)
        {
            output.Write(reader.Block);
        }
        else if (reader.Type == PcapNgFormat.EnhancedPacket)
        {
            output.Write(Encoding.UTF8.GetBytes(Describe(reader.ReadPacket())));
        }
        if (reader.IsLast)
        {
            output.Flush();
        }
    }

    private static string Describe(CapturedPacket packet)
    {
        DateTime time = DateTime.UnixEpoch.AddTicks(packet.Nanoseconds / TimeSpan.NanosecondsPerTick).ToLocalTime();
        StringBuilder line = new();
        line.Append(time.ToString("HH:mm:ss.ffffff", CultureInfo.InvariantCulture)).Append(' ').Append(packet.Interface);
        line.Append(packet.Comment.Length > 0 ? $" {packet.Comment}" : packet.IsOutbound ? " out" : " in").Append($", {packet.Length} bytes: ");
        int start = line.Length;
        PacketText.Append(line, packet.Bytes);
        return (line.Length == start ? line.Append("too short for Ethernet\n") : line).ToString();
    }
}
