using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting.Management;

/// <summary>The asking end of the control socket.</summary>
/// <remarks>
/// It speaks HTTP/1.0, in which a connection is one request and one reply that ends with it: a few lines, where .NET's client would take longer to load than a
/// tool takes to run.
/// </remarks>
internal static class ManagementClient
{
    private const int LongestHead = 16 * 1024;
    private const int Done = 200;
    private const string LengthHeader = "Content-Length:";

    /// <summary>Asks a switch how it is.</summary>
    /// <exception cref="OptionException">As below; or the answer is of a version that this one does not understand.</exception>
    public static SwitchReport ReadReport(string target, TimeSpan timeout) =>
        Parse(target, Ask(target, ManagementRequest.Report, timeout), ReportJson.Default.SwitchReport);

    /// <summary>Asks a switch how it is, or a process of several how they are.</summary>
    /// <param name="name">Of the process, the switch that is meant; null for what the target is.</param>
    /// <returns>One of the two, and the answer's text.</returns>
    /// <exception cref="OptionException">As above.</exception>
    public static (SwitchReport? Switch, GroupReport? Group, string Json) ReadAnyReport(string target, TimeSpan timeout, string? name = null)
    {
        string json = Ask(target, ManagementRequest.Report.ForSwitch(name), timeout);
        return IsOfSeveral(json)
            ? (null, Parse(target, json, ReportJson.Default.GroupReport), json)
            : (Parse(target, json, ReportJson.Default.SwitchReport), null, json);
    }

    /// <summary>The same of what a tool is told to ask.</summary>
    /// <param name="target">As for <see cref="ControlSockets.Find"/>. A switch's name is that switch, also where its process is called by it.</param>
    /// <exception cref="OptionException">As above, or there is no such target.</exception>
    public static (SwitchReport? Switch, GroupReport? Group, string Json) ReadReportOf(string? target, TimeSpan timeout)
    {
        string path = ControlSockets.Find(target);
        (SwitchReport? Switch, GroupReport? Group, string Json) answer = ReadAnyReport(path, timeout);
        return answer.Group?.Switches.Any(one => one.Name == target) == true ? ReadAnyReport(path, timeout, target) : answer;
    }

    /// <summary>An answer that is JSON.</summary>
    /// <exception cref="OptionException">It is of a version that this one does not understand.</exception>
    public static T Parse<T>(string target, string json, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new OptionException($"{target}: the answer is none this version understands: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>Sends one request and waits for its answer, which is lines.</summary>
    /// <exception cref="OptionException">As below.</exception>
    public static string[] AskLines(string target, ManagementRequest request, TimeSpan timeout) =>
        Ask(target, request, timeout) is { Length: > 0 } text ? text.TrimEnd('\n').Split('\n') : [];

    /// <summary>Sends one request and waits for its answer.</summary>
    /// <param name="target">As written: <c>unix:PATH</c>.</param>
    /// <param name="timeout">How long the switch may be silent.</param>
    /// <exception cref="OptionException">No such target, nobody listens there, no answer, or the switch says why it cannot be done.</exception>
    public static string Ask(string target, ManagementRequest request, TimeSpan timeout) => Exchange(target, request, timeout, (_, stream, length) =>
    {
        using BufferedStream whole = stream;
        byte[] body = new byte[length ?? throw NoSwitch(target)];
        return whole.ReadAtLeast(body, body.Length, throwOnEndOfStream: false) == body.Length
            ? Encoding.UTF8.GetString(body) : throw new OptionException($"{target}: the connection was closed within the answer");
    });

    /// <summary>Sends one request, whose answer is read as it comes, however long that takes.</summary>
    /// <returns>The answer, which ends with the connection.</returns>
    /// <exception cref="OptionException">As above.</exception>
    public static Stream Open(string target, ManagementRequest request, TimeSpan timeout) => Exchange(target, request, timeout, (socket, stream, _) =>
    {
        socket.ReceiveTimeout = 0;
        return stream;
    });

    private static T Exchange<T>(string target, ManagementRequest request, TimeSpan timeout, Func<Socket, BufferedStream, int?, T> read)
    {
        string path = PathOf(target);
        if (request.Body.Any(char.IsControl) || Encoding.UTF8.GetByteCount(request.Body) > ManagementRequest.LongestBody)
        {
            throw new OptionException($"request: {ManagementRequest.LongestBody} bytes without control characters are all that can be sent");
        }
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.ReceiveTimeout = socket.SendTimeout = (int)timeout.TotalMilliseconds;
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            socket.Send(Write(request.ForSwitch(ControlSockets.SwitchAt(path))));
            BufferedStream reply = new(new NetworkStream(socket, ownsSocket: true));
            return read(socket, reply, ReadHead(target, reply));
        }
        catch (Exception e)
        {
            socket.Dispose();
            throw e switch
            {
                ArgumentException => new OptionException($"{target}: the path is longer than the kernel takes for a socket", e),
                SocketException or IOException => new OptionException($"{target}: {Reason(e, path, timeout)}", e),
                _ => e,
            };
        }
    }

    private static string PathOf(string target) =>
        ConnectionTarget.TryParse(target, out ConnectionTarget? parsed, out _) && parsed is { Transport: ConnectionTransport.Unix, IsPassive: false }
            ? parsed.Host : throw new OptionException($"target: '{target}' is not unix:PATH, the path given to run --control");

    private static byte[] Write(ManagementRequest request)
    {
        byte[] body = Encoding.UTF8.GetBytes(request.Body);
        string head = string.Create(CultureInfo.InvariantCulture, $"{request.Method} {request.Path} HTTP/1.0\r\n{LengthHeader} {body.Length}\r\n\r\n");
        return [.. Encoding.UTF8.GetBytes(head), .. body];
    }

    /// <summary>Reads the head of a reply.</summary>
    /// <returns>Bytes behind it; null where only their end tells.</returns>
    /// <exception cref="OptionException">The request is refused, for the reasons in the reply; or it is no reply.</exception>
    private static int? ReadHead(string target, Stream reply)
    {
        StringBuilder head = new();
        while (head.Length < 4 || head.ToString(head.Length - 4, 4) != "\r\n\r\n")
        {
            int next = reply.ReadByte();
            if (next < 0 && head.Length == 0)
            {
                throw new OptionException($"{target}: the connection was closed without an answer");
            }
            if (next < 0 || head.Length == LongestHead)
            {
                throw NoSwitch(target);
            }
            head.Append((char)next);
        }
        string[] lines = head.ToString().Split("\r\n");
        if (lines[0].Split(' ') is not [['H', 'T', 'T', 'P', '/', ..], { Length: 3 } status, ..] || !int.TryParse(status, NumberStyles.None, CultureInfo.InvariantCulture, out int code))
        {
            throw NoSwitch(target);
        }
        if (code != Done)
        {
            using StreamReader reader = new(reply, Encoding.UTF8);
            string[] reasons = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            throw new OptionException(reasons.Length > 0 ? reasons : [$"{target}: the request is refused (status {code})"]);
        }
        string? given = Array.Find(lines, line => line.StartsWith(LengthHeader, StringComparison.OrdinalIgnoreCase));
        return int.TryParse(given?[LengthHeader.Length..], CultureInfo.InvariantCulture, out int length) && length >= 0 ? length : null;
    }

    private static OptionException NoSwitch(string target) => new($"{target}: what answers there is not a switch's --control socket");

    private static bool IsOfSeveral(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("switches", out _);
        }
        catch (JsonException)
        {
            return false; // whoever reads it says what is wrong
        }
    }

    private static string Reason(Exception e, string path, TimeSpan timeout) => ((e as SocketException) ?? (e.InnerException as SocketException))?.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => "nobody listens there",
        SocketError.AccessDenied => "permission denied",
        SocketError.TimedOut or SocketError.WouldBlock => $"no answer within {timeout.TotalSeconds} s",
        _ when !File.Exists(path) => "no such file",
        SocketError.ConnectionReset or SocketError.Shutdown => "the connection was closed without an answer",
        _ => e.Message,
    };
}
