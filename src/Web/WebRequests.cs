using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Softswitch.Datapath.Packets;
using Softswitch.Hosting;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.Tracing;
using Softswitch.OfAgent.Text;

namespace Softswitch.Web;

/// <summary>Answers requests. Whatever comes in, it is a reply of 4xx with the reason, or what was asked for.</summary>
internal sealed class WebRequests(SwitchHost host, AccessToken token, CancellationToken end) : IDisposable
{
    private const int QueuePatienceMilliseconds = 5000;

    private static readonly IReadOnlyDictionary<string, DropText> s_reasons =
        Enum.GetValues<DropReason>().Where(reason => reason != DropReason.Count).ToDictionary(ReportJson.NameOf, DropTexts.Of);

    // Searches of the flow table and traces: two at once would only make each other slow.
    private readonly SemaphoreSlim _turn = new(1);
    private readonly FlowListing _flows = new(host.Control);
    private readonly CaptureDownloads _captures = new(host, end);

    /// <summary>When no request is under way any more.</summary>
    public void Dispose() => _turn.Dispose();

    public async Task Answer(HttpContext context)
    {
        HttpRequest request = context.Request;
        RequestGuard.SetHeaders(context.Response);
        try
        {
            if (!RequestGuard.IsOurs(request.Host))
            {
                await Refuse(context, StatusCodes.Status421MisdirectedRequest, $"Host: '{request.Host}' is neither an address, localhost nor {Environment.MachineName}");
            }
            else if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
            {
                context.Response.Headers.Allow = "GET, HEAD";
                await Refuse(context, StatusCodes.Status405MethodNotAllowed, $"{request.Method}: nothing is changed here; ask with GET");
            }
            else
            {
                await Route(context);
            }
        }
        catch (OperationCanceledException)
        {
            // the client went, or the switch ends
        }
        catch (OptionException e) when (!context.Response.HasStarted)
        {
            await Refuse(context, StatusCodes.Status400BadRequest, e.Message);
        }
        catch (ObjectDisposedException) when (!context.Response.HasStarted)
        {
            await Refuse(context, StatusCodes.Status503ServiceUnavailable, "the switch ends");
        }
    }

    private Task Route(HttpContext context) => context.Request.Path.Value switch
    {
        "/metrics" => SendMetrics(context),
        "/api/report" => SendJson(context, host.ReadReport(), ReportJson.Default.SwitchReport),
        "/api/flows" => SendFlows(context),
        "/api/trace" => SendTrace(context),
        "/api/reasons" => SendJson(context, s_reasons, WebJson.Default.IReadOnlyDictionaryStringDropText),
        "/api/capture" or "/api/capture/stop" when !token.IsShownBy(context.Request) => RefuseWithoutToken(context),
        "/api/capture" => _captures.Send(context),
        "/api/capture/stop" => StopCapture(context),
        string path when Assets.TryGet(path, out (string Type, byte[] Content) file) => SendFile(context, file),
        string path => Refuse(context, StatusCodes.Status404NotFound, $"{path}: there is no such page"),
        null => Refuse(context, StatusCodes.Status404NotFound, "there is no such page"),
    };

    private async Task SendMetrics(HttpContext context)
    {
        MetricsText text = SwitchMetrics.Write(host.ReadReport());
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        Encoder encoder = Encoding.UTF8.GetEncoder(); // keeps what is cut in two between pieces
        foreach (ReadOnlyMemory<char> piece in text.GetChunks())
        {
            encoder.Convert(piece.Span, context.Response.BodyWriter, flush: false, out _, out _);
        }
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    private Task SendFlows(HttpContext context)
    {
        bool isQuery = FlowQuery.TryRead(context.Request.Query, out FlowQuery query, out string error);
        return !isQuery ? Refuse(context, StatusCodes.Status400BadRequest, error)
            : TakeTurn(context, stop => _flows.Read(query, FlowListing.Patience, stop), WebJson.Default.FlowPage);
    }

    /// <summary>What would become of a packet, in words (<c>flow=</c>) or hexadecimal (<c>hex=</c>).</summary>
    private async Task SendTrace(HttpContext context)
    {
        IQueryCollection given = context.Request.Query;
        string? flow = given["flow"].ToString() is { Length: > 0 } words ? words : null;
        byte[] packet = [];
        if (flow == null && !PacketOutSyntax.TryParsePacket(given["hex"].ToString(), out packet, out string error))
        {
            await Refuse(context, StatusCodes.Status400BadRequest, $"hex: {error}");
            return;
        }
        string? inPort = given["in_port"].ToString() is { Length: > 0 } port ? port : null;
        var request = new TraceRequest(inPort, flow, null, flow == null ? [packet] : []);
        await TakeTurn(context, _ => host.Trace(request), TraceJson.Default.IReadOnlyListTraceReport);
    }

    private Task StopCapture(HttpContext context) => _captures.Stop(context.Request.Query["name"].ToString())
        ? Task.CompletedTask
        : Refuse(context, StatusCodes.Status404NotFound, "name: no capture of that name runs");

    /// <summary>Answers with what takes the control side some time, and is done for one client after the other.</summary>
    private async Task TakeTurn<T>(HttpContext context, Func<CancellationToken, T> read, JsonTypeInfo<T> type)
    {
        if (!await _turn.WaitAsync(QueuePatienceMilliseconds, context.RequestAborted))
        {
            context.Response.Headers.RetryAfter = "5";
            await Refuse(context, StatusCodes.Status503ServiceUnavailable, "too many ask at once; try again");
            return;
        }
        T answer;
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(end, context.RequestAborted);
            answer = read(stop.Token);
        }
        finally
        {
            _turn.Release();
        }
        await SendJson(context, answer, type);
    }

    private static Task RefuseWithoutToken(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Refuse(context, StatusCodes.Status401Unauthorized, "packets' contents are shown to who has the token: open the page by the URL that the switch printed when it started");
    }

    private static Task SendFile(HttpContext context, (string Type, byte[] Content) file)
    {
        context.Response.ContentType = file.Type;
        context.Response.ContentLength = file.Content.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(file.Content, context.RequestAborted).AsTask();
    }

    private static Task SendJson<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        return JsonSerializer.SerializeAsync(context.Response.BodyWriter, value, type, context.RequestAborted);
    }

    private static Task Refuse(HttpContext context, int status, string reason)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(reason + "\n", context.RequestAborted);
    }
}
