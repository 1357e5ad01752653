using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.AspNetCore.Http;
using Softswitch.Datapath.Packets;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Reports;

namespace Softswitch.Web;

/// <summary>Answers requests. Whatever comes in, it is a reply of 4xx with the reason, or what was asked for.</summary>
/// <remarks>
/// A switch's page and what it asks for are at <c>/switch/NAME/</c>, and at the root as well while there is one alone; else the root is the
/// overview.
/// Threads: any.
/// </remarks>
internal sealed class WebRequests
{
    private const string OfSwitch = "/switch/";

    private static readonly IReadOnlyDictionary<string, DropText> s_reasons =
        Enum.GetValues<DropReason>().Where(reason => reason != DropReason.Count).ToDictionary(ReportJson.NameOf, DropTexts.Of);

    private static readonly Answer s_answerOfReasons = Answer.Json(s_reasons, WebJson.Default.IReadOnlyDictionaryStringDropText);

    private readonly SwitchGroup _group;
    private readonly Reply _reply;
    private readonly CommandThreads _threads;
    private readonly CommandRequests? _commands;
    private readonly ConditionalWeakTable<SwitchHost, SwitchRequests> _requests = []; // until the switch is nobody's any more
    private readonly ConditionalWeakTable<SwitchHost, SwitchRequests>.CreateValueCallback _makeRequests;
    private readonly SharedReading _overview;
    private readonly SharedReading _metrics;
    private bool _areLabelled;

    /// <param name="token">What lets a page see packets' contents; null where only the owner of the process is served.</param>
    /// <param name="threads">For what waits for a switch: of the pool's others are in need.</param>
    public WebRequests(SwitchGroup group, AccessToken? token, CommandThreads threads, Reply reply, CancellationToken end)
    {
        _group = group;
        _threads = threads;
        _reply = reply;
        _commands = token == null ? new CommandRequests(group, threads, reply) : null;
        _makeRequests = host => new SwitchRequests(host, token, threads, reply, end);
        _overview = new SharedReading(ReadOverview);
        _metrics = new SharedReading(() => threads.Run(() => WriteMetrics(group.Switches, group.ReadReport(), areLabelled: true)));
        _areLabelled = group.Alone == null;
    }

    private bool IsOfOwner => _commands != null;

    public async Task Respond(HttpContext context)
    {
        HttpRequest request = context.Request;
        string method = HttpMethods.IsHead(request.Method) ? HttpMethods.Get : request.Method;
        string path = request.Path.Value ?? "/";
        RequestGuard.SetHeaders(context.Response);
        try
        {
            if (!IsOfOwner && !RequestGuard.IsOurs(request.Host))
            {
                await Reply.Refuse(context, StatusCodes.Status421MisdirectedRequest, $"Host: '{request.Host}' is neither an address, localhost nor {Environment.MachineName}");
            }
            else
            {
                await Route(context, method, path);
            }
        }
        catch (OperationCanceledException)
        {
            // the client went, or the switch ends
        }
        catch (Exception e) when (e is OptionException or ObjectDisposedException && !context.Response.HasStarted)
        {
            (int status, string[] reasons) = CommandRequests.ReasonsOf(e);
            await Refuse(context, status, path, reasons);
        }
    }

    private Task Route(HttpContext context, string method, string path)
    {
        if (_commands?.Route(context, method, path) is { } command)
        {
            return command;
        }
        if (path.StartsWith(OfSwitch, StringComparison.Ordinal))
        {
            return RouteToSwitch(context, method, path[OfSwitch.Length..]);
        }
        if (_commands?.Route(context, (_group.Alone ?? _group.Find(_group.Name ?? string.Empty))?.Log ?? _group.Log, _group.FindOnly, method, path) is { } commandOfSwitch)
        {
            return commandOfSwitch;
        }
        return method != HttpMethods.Get ? RefuseMethod(context, method) : path switch
        {
            "/metrics" => SendMetrics(context),
            "/api/switches" => SendOverview(context),
            "/api/reasons" => _reply.Send(context, s_answerOfReasons),
            _ when _group.Alone is { } alone => RequestsOf(alone).Route(context, path),
            "/api/report" => SendOverview(context), // as status --json says of a process of several
            "/" => _reply.File(context, "/overview.html"),
            _ when IsOfOwner && path.StartsWith("/api/", StringComparison.Ordinal) => RequestsOf(_group.FindOnly()).Route(context, path),
            _ => _reply.File(context, path),
        };
    }

    /// <param name="path"><c>NAME/</c> and what is asked for of that switch.</param>
    private Task RouteToSwitch(HttpContext context, string method, string path)
    {
        int slash = path.IndexOf('/', StringComparison.Ordinal);
        string name = slash < 0 ? path : path[..slash];
        if (_group.Find(name) is not { } host)
        {
            return Refuse(context, StatusCodes.Status404NotFound, path, _group.WhyNot(name));
        }
        if (slash < 0)
        {
            context.Response.Redirect($"{Uri.EscapeDataString(name)}/"); // what the page asks for is relative to that
            return Task.CompletedTask;
        }
        string rest = path[slash..];
        return _commands?.Route(context, host.Log, () => host, method, rest) is { } command ? command
            : method != HttpMethods.Get ? RefuseMethod(context, method)
            : rest switch
            {
                "/metrics" => _reply.Send(context, _threads.Run(() => WriteMetrics([host], ProcessReading.Take(host.Name, host.Control.Uptime, [host], []), areLabelled: true))),
                "/api/reasons" => _reply.Send(context, s_answerOfReasons),
                _ => RequestsOf(host).Route(context, rest),
            };
    }

    private SwitchRequests RequestsOf(SwitchHost host) => _requests.GetValue(host, _makeRequests);

    /// <summary>What the owner is refused, the log is told, too.</summary>
    private Task Refuse(HttpContext context, int status, string path, params string[] reasons)
    {
        if (IsOfOwner)
        {
            HostLog.CommandRefused(_group.Log, CommandRequests.Echo(path.Replace("/api/", string.Empty, StringComparison.Ordinal)), string.Join("; ", reasons));
        }
        return Reply.Refuse(context, status, string.Join('\n', reasons));
    }

    private static Task RefuseMethod(HttpContext context, string method)
    {
        context.Response.Headers.Allow = "GET, HEAD";
        return Reply.Refuse(context, StatusCodes.Status405MethodNotAllowed, $"{method}: nothing is changed here; ask with GET");
    }

    private Task<Answer> ReadOverview() => _threads.Run(() => Answer.Json(_group.ReadReport(), ReportJson.Default.GroupReport));

    /// <summary>Of many who look at pages each is told the same for a while; a tool wants to know what it has just changed.</summary>
    private Task SendOverview(HttpContext context) => _reply.Send(context, IsOfOwner ? ReadOverview() : _overview.Get(context.RequestAborted));

    /// <summary>
    /// Series have the switch's name from the moment there was another number of switches than one: a series must not change what it is of.
    /// </summary>
    private Task SendMetrics(HttpContext context)
    {
        _areLabelled |= _group.Alone == null;
        return _reply.Send(
            context,
            _areLabelled ? _metrics.Get(context.RequestAborted) : _threads.Run(() => WriteMetrics(_group.Switches, _group.ReadReport(), areLabelled: false)));
    }

    private static Answer WriteMetrics(IReadOnlyList<SwitchHost> hosts, GroupReport process, bool areLabelled)
    {
        List<SwitchReport> reports = [];
        // One whose control side does not answer must not hide the others from whoever is to be alarmed.
        HashSet<string> silent =
            areLabelled ? [.. process.Switches.Where(one => one.State == SwitchSummary.Busy).Select(one => one.Name)] : [];
        foreach (SwitchHost host in hosts.Where(host => !silent.Contains(host.Name)))
        {
            try
            {
                reports.Add(host.Reader.ReadReport(process.Process));
            }
            catch (ObjectDisposedException) when (areLabelled)
            {
                // it went meanwhile
            }
        }
        return new Answer(Answer.MetricsType, Encoding.UTF8.GetBytes(SwitchMetrics.Write(reports, process, areLabelled).ToString()));
    }
}
