using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Packets;
using Softswitch.Hosting;
using Softswitch.Hosting.Captures;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Web;

/// <summary>Captures that are sent to browsers while they run.</summary>
/// <remarks>
/// Each has a thread. It ends with the packets that were asked for, when its client goes, or when the client asks so in another request by the name
/// it gave: only then has the file its last block, which says what the capture lost.
/// </remarks>
/// <param name="isOfOwner">
/// Whether those who ask own the process: such a client may pause for as long as it likes and loses packets, and sees it when the switch ends before its capture.
/// </param>
internal sealed class CaptureDownloads(SwitchHost host, bool isOfOwner, CancellationToken end)
{
    private const int MaxNameLength = 40;

    private readonly ConcurrentDictionary<string, CancellationTokenSource> _running = new();

    /// <exception cref="OptionException">The request makes no sense, or there are too many captures. Nothing was sent then.</exception>
    public async Task Send(HttpContext context)
    {
        IQueryCollection given = context.Request.Query;
        string name = given["name"].ToString();
        using CaptureStream stream = host.BeginCapture(Read(given));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(end, context.RequestAborted);
        if (name.Length > MaxNameLength || (name.Length > 0 && !_running.TryAdd(name, stop)))
        {
            throw new OptionException($"name: longer than {MaxNameLength} characters, or a capture of that name runs");
        }
        try
        {
            context.Response.ContentType = "application/x-pcapng";
            context.Response.Headers.ContentDisposition = "attachment; filename=softswitch.pcapng";
            context.Features.GetRequiredFeature<IHttpBodyControlFeature>().AllowSynchronousIO = true; // of this request: it has a thread of its own
            using CancellationTokenSource cut = isOfOwner ? CancellationTokenSource.CreateLinkedTokenSource(stream.Ending, end) : new();
            using CancellationTokenRegistration abort = cut.Token.Register(context.Abort); // a reader that does not read is not waited for
            if (isOfOwner && context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            {
                rate.MinDataRate = null;
            }
            await context.Response.StartAsync(context.RequestAborted);
            await Task.Factory.StartNew(
                () => stream.Run(context.Response.Body, () => stop.IsCancellationRequested, cut.Token),
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // the client went, or the capture was cut
        }
        finally
        {
            _running.TryRemove(name, out _);
        }
    }

    /// <summary>Has a capture write its end.</summary>
    /// <returns>False if there is none of that name.</returns>
    public bool Stop(string name)
    {
        if (!_running.TryGetValue(name, out CancellationTokenSource? stop))
        {
            return false;
        }
        try
        {
            stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // it ended by itself just now
        }
        return true;
    }

    private static CaptureRequest Read(IQueryCollection given)
    {
        string error = string.Empty;
        string[] points = [.. given["which"].OfType<string>().Where(point => point.Length > 0)];
        CapturePoints taken = CapturePoints.None;
        foreach (string point in points)
        {
            taken |= CaptureRequest.PointOf(point) ?? throw new OptionException("which: it is none of in, out, dropped");
        }
        var request = new CaptureRequest
        {
            Ports = [.. given["port"].OfType<string>().Where(port => port.Length > 0)],
            Match = given["match"].ToString(),
            Count = FlowQuery.ReadNumber(given, "count", 0, 1, long.MaxValue, ref error),
            SnapLength = (int)FlowQuery.ReadNumber(given, "snaplen", Packet.MaxLength, 1, Packet.MaxLength, ref error),
        };
        return error.Length > 0 ? throw new OptionException(error) : points.Length == 0 ? request : request with { Points = taken };
    }
}
