using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.Tracing;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports;
using Softswitch.Ports.Linux;

namespace Softswitch.Web;

/// <summary>What only the owner of the process may ask for, by its control socket: all that changes something, or shows more than a page does.</summary>
/// <remarks>Each is done on a thread of its own. What does not succeed is told to the log, too. Threads: any.</remarks>
internal sealed class CommandRequests(SwitchGroup group, CommandThreads threads, Reply reply)
{
    private const int LongestEcho = 40;

    /// <summary>What is asked of the process.</summary>
    /// <returns>Null if it is none of that.</returns>
    public Task? Route(HttpContext context, string method, string path)
    {
        IQueryCollection given = context.Request.Query;
        bool all = given["all"] == "true";
        string name = given["name"].ToString();
        return (method, path) switch
        {
            ("POST", "/api/switches") => WithBody(context, group.Log, "switch add", options => Answer.Lines(group.AddForTool(options))),
            ("DELETE", "/api/switches") => Do(context, group.Log, $"switch del {name}", () => Answer.Lines(group.RemoveForTool(name))),
            ("POST", "/api/reload") => Do(context, group.Log, "reload", () => Answer.Lines(group.Reload("reload"))),
            ("GET", "/api/config") => Do(context, group.Log, "config", () => Answer.Lines(group.DescribeOptions(all))),
            ("POST", "/api/take-over") => WithBody(context, group.Log, "take-over", version =>
            {
                group.BeginHandOver(version);
                return Answer.Lines([]);
            }),
            _ => null,
        };
    }

    /// <summary>What is asked of one switch.</summary>
    /// <param name="log">Told of what is refused.</param>
    /// <param name="find">The switch, or why there is none.</param>
    /// <returns>Null if it is none of that.</returns>
    public Task? Route(HttpContext context, ILogger log, Func<SwitchHost> find, string method, string path)
    {
        IQueryCollection given = context.Request.Query;
        bool all = given["all"] == "true";
        string port = given["port"].ToString();
        string card = given["card"].ToString();
        return (method, path) switch
        {
            ("GET", "/api/ports") => Do(context, log, "port list", () => Answer.Lines(find().Ports.Describe())),
            ("POST", "/api/ports") => WithBody(context, log, "port add", spec => Answer.Lines(find().Ports.Add(spec))),
            ("DELETE", "/api/ports") => Do(context, log, $"port del {port}", () => Answer.Lines([find().Ports.Remove(port)])),
            ("GET", "/api/config") => Do(context, log, "config", () => Answer.Lines(group.DescribeOptions(all, find().Name))),
            ("GET", "/api/cards") => Do(context, log, $"netfpga/show {card}".TrimEnd(), () => Answer.Lines(find().DescribeCards(card.Length == 0 ? null : card))),
            ("GET", "/api/flows/busiest") => Do(context, log, $"flows/busiest {context.Request.QueryString}", () => FindBusiestFlows(find(), given)),
            ("POST", "/api/trace") => WithBody(context, log, "trace", request => Answer.Json(find().Tracing.Trace(ReadTrace(request)), TraceJson.Default.IReadOnlyListTraceReport)),
            _ => null,
        };
    }

    /// <summary>Why something could not be done: a line for each reason, and the status.</summary>
    public static (int Status, string[] Lines) ReasonsOf(Exception e) => e switch
    {
        OptionException or PortException or SystemCallException or RegisterAccessException => (StatusCodes.Status400BadRequest, e.Message.Split('\n')),
        ObjectDisposedException => (StatusCodes.Status503ServiceUnavailable, ["the switch has ended"]),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            (StatusCodes.Status413PayloadTooLarge, [$"a request has at most {ManagementRequest.LongestBody} bytes"]),
        _ => (StatusCodes.Status500InternalServerError, [$"unexpected {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}"]),
    };

    private static Answer FindBusiestFlows(SwitchHost host, IQueryCollection given)
    {
        string error = string.Empty;
        int count = (int)FlowQuery.ReadNumber(given, "count", 1, 1, ManagementRequest.MostBusiestFlows, ref error);
        int milliseconds = (int)FlowQuery.ReadNumber(given, "milliseconds", 0, 0, ManagementRequest.LongestWatchMilliseconds, ref error);
        return error.Length > 0 ? throw new OptionException($"flows/busiest: {error}")
            : Answer.Json(host.Reader.ReadBusiestFlows(count, TimeSpan.FromMilliseconds(milliseconds), TimeProvider.System), ReportJson.Default.FlowActivityReport);
    }

    private static TraceRequest ReadTrace(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, TraceJson.Default.TraceRequest) ?? throw new OptionException("trace: null is no request");
        }
        catch (JsonException e)
        {
            throw new OptionException($"trace: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <param name="verb">What the body is an argument of, for the log.</param>
    private async Task WithBody(HttpContext context, ILogger log, string verb, Func<string, Answer> act)
    {
        string body;
        try
        {
            using StreamReader reader = new(context.Request.Body, Encoding.UTF8); // undecodable bytes become replacement characters, which no command has
            body = await reader.ReadToEndAsync(context.RequestAborted);
        }
        catch (BadHttpRequestException e)
        {
            await Refuse(context, log, verb, e);
            return;
        }
        await Do(context, log, $"{verb} {body}", () => act(body));
    }

    /// <param name="command">For the log.</param>
    private async Task Do(HttpContext context, ILogger log, string command, Func<Answer> act)
    {
        Answer answer;
        try
        {
            answer = await threads.Run(act);
        }
#pragma warning disable CA1031 // one command that fails in an unforeseen way must not end the switch
        catch (Exception e)
#pragma warning restore CA1031
        {
            await Refuse(context, log, command, e);
            return;
        }
        await reply.Send(context, answer);
    }

    private static Task Refuse(HttpContext context, ILogger log, string command, Exception e)
    {
        (int status, string[] reasons) = ReasonsOf(e);
        HostLog.CommandRefused(log, Echo(command), string.Join("; ", reasons));
        return Reply.Refuse(context, status, string.Join('\n', reasons));
    }

    /// <summary>What a stranger wrote, fit to be shown.</summary>
    public static string Echo(string command) =>
        string.Concat(command.Take(LongestEcho).Select(c => char.IsControl(c) ? '?' : c)) + (command.Length > LongestEcho ? "..." : string.Empty);
}
