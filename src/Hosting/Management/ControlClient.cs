using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting.Management;

/// <summary>The asking end of the control socket.</summary>
internal static class ControlClient
{
    /// <summary>Asks a switch how it is.</summary>
    /// <returns>The answer, with its text.</returns>
    /// <exception cref="OptionException">As below; or the answer is of a version that this one does not understand.</exception>
    public static (SwitchReport Report, string Json) ReadReport(string target, TimeSpan timeout)
    {
        string json = string.Concat(Ask(target, ControlProtocol.Report, timeout));
        return (Parse(target, json, ReportJson.Default.SwitchReport), json);
    }

    /// <summary>Asks a switch how it is, or a process of several how they are.</summary>
    /// <param name="name">Of the process, the switch that is meant; null for what the target is.</param>
    /// <returns>One of the two, and the answer's text.</returns>
    /// <exception cref="OptionException">As above.</exception>
    public static (SwitchReport? Switch, GroupReport? Group, string Json) ReadAnyReport(string target, TimeSpan timeout, string? name = null)
    {
        string json = string.Concat(Ask(target, ControlProtocol.ForSwitch(name, ControlProtocol.Report), timeout));
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

    /// <summary>Sends one request and waits for its answer.</summary>
    /// <param name="target">As written: <c>unix:PATH</c>.</param>
    /// <param name="request">One line, without its line feed.</param>
    /// <param name="timeout">How long the switch may be silent.</param>
    /// <returns>What the switch says of what it did.</returns>
    /// <exception cref="OptionException">No such target, nobody listens there, no answer, or the switch says why it cannot be done.</exception>
    public static IReadOnlyList<string> Ask(string target, string request, TimeSpan timeout)
    {
        return Converse(target, request, timeout, socket =>
        {
            using NetworkStream stream = new(socket);
            using StreamReader reader = new(stream, Encoding.UTF8);
            return ReadAnswer(reader.ReadLine, target);
        });
    }

    /// <summary>Sends one request and waits for its answer, behind which something else follows.</summary>
    /// <returns>The connection, at what follows.</returns>
    /// <exception cref="OptionException">As above.</exception>
    public static Socket Open(string target, string request, TimeSpan timeout)
    {
        Socket? open = null;
        Converse<object?>(target, request, timeout, socket =>
        {
            ReadAnswer(() => ReadLine(socket), target);
            socket.ReceiveTimeout = 0;
            open = socket;
            return null;
        }, keepsOpen: true);
        return open!;
    }

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

    private static T Converse<T>(string target, string request, TimeSpan timeout, Func<Socket, T> read, bool keepsOpen = false)
    {
        if (!ConnectionTarget.TryParse(target, out ConnectionTarget? parsed, out _) || parsed is not { Transport: ConnectionTransport.Unix, IsPassive: false })
        {
            throw new OptionException($"target: '{target}' is not unix:PATH, the path given to run --control");
        }
        byte[] bytes = Encoding.UTF8.GetBytes($"{ControlProtocol.ForSwitch(ControlSockets.SwitchAt(parsed.Host), request)}\n");
        if (bytes.Length > ControlProtocol.LongestRequest || request.Any(char.IsControl))
        {
            throw new OptionException($"request: {ControlProtocol.LongestRequest} bytes without control characters are all that can be sent");
        }
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        bool done = false;
        socket.ReceiveTimeout = socket.SendTimeout = (int)timeout.TotalMilliseconds;
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(parsed.Host));
            socket.Send(bytes);
            T result = read(socket);
            done = true;
            return result;
        }
        catch (SocketException e)
        {
            throw new OptionException($"{target}: {Reason(e.SocketErrorCode, parsed.Host, timeout)}", e);
        }
        catch (ArgumentException e)
        {
            throw new OptionException($"{target}: the path is longer than the kernel takes for a socket", e);
        }
        catch (IOException e) when (e.InnerException is SocketException inner)
        {
            throw new OptionException($"{target}: {Reason(inner.SocketErrorCode, parsed.Host, timeout)}", e);
        }
        finally
        {
            if (!done || !keepsOpen)
            {
                socket.Dispose();
            }
        }
    }

    private static List<string> ReadAnswer(Func<string?> readLine, string target)
    {
        List<string> lines = [];
        while (readLine() is { } line)
        {
            if (line == ControlProtocol.Ok)
            {
                return lines;
            }
            if (line == ControlProtocol.Error)
            {
                throw new OptionException(lines);
            }
            if (line.Length == 0 || line[0] != ControlProtocol.TextMark)
            {
                throw new OptionException($"{target}: what answers there is not a switch's --control socket");
            }
            lines.Add(line[1..]);
        }
        throw new OptionException($"{target}: the connection was closed without an answer");
    }

    /// <summary>One line, and nothing of what is behind it.</summary>
    private static string? ReadLine(Socket socket)
    {
        List<byte> line = [];
        Span<byte> next = stackalloc byte[1];
        while (socket.Receive(next) > 0)
        {
            if (next[0] == '\n')
            {
                return Encoding.UTF8.GetString([.. line]);
            }
            line.Add(next[0]);
        }
        return null;
    }

    private static string Reason(SocketError error, string path, TimeSpan timeout) => error switch
    {
        SocketError.ConnectionRefused => "nobody listens there",
        SocketError.AccessDenied => "permission denied",
        SocketError.TimedOut or SocketError.WouldBlock => $"no answer within {timeout.TotalSeconds} s",
        _ when !File.Exists(path) => "no such file",
        SocketError.ConnectionReset or SocketError.Shutdown => "the connection was closed without an answer",
        _ => new SocketException((int)error).Message,
    };
}
