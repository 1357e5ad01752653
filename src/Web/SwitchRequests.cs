using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http;
using Softswitch.Hosting;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.Tracing;
using Softswitch.OfAgent.Text;

namespace Softswitch.Web;

/// <summary>Answers what is asked of one switch. Threads: any.</summary>
[SuppressMessage("Design", "CA1001", Justification = "of a semaphore only the wait handle needs an end, and nobody asks for it")]
internal sealed class SwitchRequests(SwitchHost host, AccessToken? token, CommandThreads threads, Reply reply, CancellationToken end)
{
    private const int QueuePatienceMilliseconds = 5000;
    private const int MostTraceBytes = 256 * 1024;

    // Searches of the flow table and traces: two at once would only make each other slow.
    private readonly SemaphoreSlim _turn = new(1);
    private readonly FlowListing _flows = new(host.Control);
    private readonly CaptureDownloads _captures = new(host, isOfOwner: token == null, end);

    /// <param name="path">Behind what names the switch.</param>
    public Task Route(HttpContext context, string path) => path switch
    {
        "/api/report" => reply.Send(context, threads.Run(() => Answer.Json(host.Reader.ReadReport(), ReportJson.Default.SwitchReport))),
        "/api/flows" => SendFlows(context),
        "/api/trace" => SendTrace(context),
        "/api/capture" or "/api/capture/stop" when token?.IsShownBy(context.Request) == false => RefuseWithoutToken(context),
        "/api/capture" => _captures.Send(context),
        "/api/capture/stop" => StopCapture(context),
        _ => reply.File(context, path),
    };

    private async Task SendFlows(HttpContext context)
    {
        if (!FlowQuery.TryRead(context.Request.Query, out FlowQuery query, out string error))
        {
            await Reply.Refuse(context, StatusCodes.Status400BadRequest, error);
        }
        else if (await TakeTurn(context, stop => _flows.Read(query, FlowListing.Patience, stop)) is { } page)
        {
            await reply.Send(context, Answer.Json(page, WebJson.Default.FlowPage));
        }
    }

    /// <summary>What would become of a packet, in words (<c>flow=</c>) or hexadecimal (<c>hex=</c>).</summary>
    private async Task SendTrace(HttpContext context)
    {
        IQueryCollection given = context.Request.Query;
        string? flow = given["flow"].ToString() is { Length: > 0 } words ? words : null;
        byte[] packet = [];
        if (flow == null && !PacketOutSyntax.TryParsePacket(given["hex"].ToString(), out packet, out string error))
        {
            await Reply.Refuse(context, StatusCodes.Status400BadRequest, $"hex: {error}");
            return;
        }
        string? inPort = given["in_port"].ToString() is { Length: > 0 } port ? port : null;
        var request = new TraceRequest(inPort, flow, null, flow == null ? [packet] : []);
        if (await TakeTurn(context, _ => host.Tracing.Trace(request)) is { } reports)
        {
            await reply.Send(context, Answer.Json<IReadOnlyList<TraceReport>>([.. reports.Select(report => report.Fit(MostTraceBytes))], TraceJson.Default.IReadOnlyListTraceReport));
        }
    }

    private Task StopCapture(HttpContext context) => _captures.Stop(context.Request.Query["name"].ToString())
        ? Task.CompletedTask
        : Reply.Refuse(context, StatusCodes.Status404NotFound, "name: no capture of that name runs");

    /// <summary>Reads what takes the control side some time, for one client after the other.</summary>
    /// <returns>Null if too many others ask, which the client is told.</returns>
    private async Task<T?> TakeTurn<T>(HttpContext context, Func<CancellationToken, T> read)
        where T : class
    {
        if (!await _turn.WaitAsync(QueuePatienceMilliseconds, context.RequestAborted))
        {
            await Reply.RefuseForNow(context, "too many ask at once; try again");
            return null;
        }
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(end, context.RequestAborted);
            return await threads.Run(() => read(stop.Token));
        }
        finally
        {
            _turn.Release();
        }
    }

    private static Task RefuseWithoutToken(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Reply.Refuse(context, StatusCodes.Status401Unauthorized, "packets' contents are shown to who has the token: open the page by the URL that the switch printed when it started");
    }
}
