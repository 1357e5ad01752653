using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Softswitch.Datapath.Packets;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
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

    private readonly ServedSwitches _switches;
    private readonly Reply _reply;
    private readonly ConditionalWeakTable<SwitchHost, SwitchRequests> _requests = []; // until the switch is nobody's any more
    private readonly ConditionalWeakTable<SwitchHost, SwitchRequests>.CreateValueCallback _makeRequests;
    private readonly SharedReading _overview;
    private readonly SharedReading _metrics;
    private bool _areLabelled;

    public WebRequests(ServedSwitches switches, AccessToken token, Reply reply, CancellationToken end)
    {
        _switches = switches;
        _reply = reply;
        _makeRequests = host => new SwitchRequests(host, token, reply, end);
        _overview = new SharedReading(() => JsonSerializer.SerializeToUtf8Bytes(switches.ReadReport(), ReportJson.Default.GroupReport));
        _metrics = new SharedReading(() => WriteMetrics(switches.All, switches.ReadReport(), areLabelled: true));
        _areLabelled = switches.Alone == null;
    }

    public async Task Answer(HttpContext context)
    {
        HttpRequest request = context.Request;
        RequestGuard.SetHeaders(context.Response);
        try
        {
            if (!RequestGuard.IsOurs(request.Host))
            {
                await Reply.Refuse(context, StatusCodes.Status421MisdirectedRequest, $"Host: '{request.Host}' is neither an address, localhost nor {Environment.MachineName}");
            }
            else if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
            {
                context.Response.Headers.Allow = "GET, HEAD";
                await Reply.Refuse(context, StatusCodes.Status405MethodNotAllowed, $"{request.Method}: nothing is changed here; ask with GET");
            }
            else
            {
                await Route(context, request.Path.Value ?? "/");
            }
        }
        catch (OperationCanceledException)
        {
            // the client went, or the switch ends
        }
        catch (OptionException e) when (!context.Response.HasStarted)
        {
            await Reply.Refuse(context, StatusCodes.Status400BadRequest, e.Message);
        }
        catch (ObjectDisposedException) when (!context.Response.HasStarted)
        {
            await Reply.Refuse(context, StatusCodes.Status503ServiceUnavailable, "the switch ends");
        }
    }

    private Task Route(HttpContext context, string path) => path switch
    {
        "/metrics" => SendMetrics(context),
        "/api/switches" => SendOverview(context),
        "/api/reasons" => _reply.Json(context, s_reasons, WebJson.Default.IReadOnlyDictionaryStringDropText),
        _ when path.StartsWith(OfSwitch, StringComparison.Ordinal) => RouteToSwitch(context, path[OfSwitch.Length..]),
        _ when _switches.Alone is { } alone => RequestsOf(alone).Route(context, path),
        "/api/report" => SendOverview(context), // as status --json says of a process of several
        "/" => _reply.File(context, "/overview.html"),
        _ => _reply.File(context, path),
    };

    /// <param name="path"><c>NAME/</c> and what is asked for of that switch.</param>
    private Task RouteToSwitch(HttpContext context, string path)
    {
        int slash = path.IndexOf('/', StringComparison.Ordinal);
        string name = slash < 0 ? path : path[..slash];
        if (_switches.Find(name) is not { } host)
        {
            string others = string.Join(", ", _switches.All.Select(one => one.Name).DefaultIfEmpty("none"));
            return Reply.Refuse(context, StatusCodes.Status404NotFound, $"switch '{name}': there is no such switch; there are {others}");
        }
        if (slash < 0)
        {
            context.Response.Redirect($"{Uri.EscapeDataString(name)}/"); // what the page asks for is relative to that
            return Task.CompletedTask;
        }
        return path[slash..] switch
        {
            "/metrics" => _reply.Bytes(context, Reply.MetricsType, WriteMetrics([host], ServedSwitches.ReadReport(host), areLabelled: true)),
            "/api/reasons" => _reply.Json(context, s_reasons, WebJson.Default.IReadOnlyDictionaryStringDropText),
            string rest => RequestsOf(host).Route(context, rest),
        };
    }

    private SwitchRequests RequestsOf(SwitchHost host) => _requests.GetValue(host, _makeRequests);

    private async Task SendOverview(HttpContext context) =>
        await _reply.Bytes(context, Reply.JsonType, await _overview.Get(context.RequestAborted));

    /// <summary>
    /// Series have the switch's name from the moment there was another number of switches than one: a series must not change what it is of.
    /// </summary>
    private async Task SendMetrics(HttpContext context)
    {
        _areLabelled |= _switches.Alone == null;
        ReadOnlyMemory<byte> text = _areLabelled ? await _metrics.Get(context.RequestAborted)
            : WriteMetrics(_switches.All, _switches.ReadReport(), areLabelled: false);
        await _reply.Bytes(context, Reply.MetricsType, text);
    }

    private static byte[] WriteMetrics(IReadOnlyList<SwitchHost> hosts, GroupReport process, bool areLabelled)
    {
        List<SwitchReport> reports = [];
        // One whose control side does not answer must not hide the others from whoever is to be alarmed.
        HashSet<string> silent =
            areLabelled ? [.. process.Switches.Where(one => one.State == SwitchSummary.Busy).Select(one => one.Name)] : [];
        foreach (SwitchHost host in hosts.Where(host => !silent.Contains(host.Name)))
        {
            try
            {
                reports.Add(host.ReadReport(process.Process));
            }
            catch (ObjectDisposedException) when (areLabelled)
            {
                // it went meanwhile
            }
        }
        return Encoding.UTF8.GetBytes(SwitchMetrics.Write(reports, process, areLabelled).ToString());
    }
}
