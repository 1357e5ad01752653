using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
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
internal sealed class CaptureDownloads(SwitchHost host, CancellationToken end)
{
    private const int MaxNameLength = 40;
    private const int MaxCount = 1_000_000;

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
            await context.Response.StartAsync(context.RequestAborted);
            await Task.Factory.StartNew(
                () => stream.Run(context.Response.Body, () => stop.IsCancellationRequested),
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        catch (IOException)
        {
            // the client went
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
        var request = new CaptureRequest
        {
            Ports = [.. given["port"].OfType<string>().Where(port => port.Length > 0)],
            Match = given["match"].ToString(),
            Count = FlowQuery.ReadNumber(given, "count", 0, 1, MaxCount, ref error),
            SnapLength = FlowQuery.ReadNumber(given, "snaplen", Packet.MaxLength, 1, Packet.MaxLength, ref error),
        };
        CapturePoints? points = given["which"].ToString() switch
        {
            "" => request.Points,
            "in" => CapturePoints.Received,
            "out" => CapturePoints.Sent,
            "dropped" => CapturePoints.Dropped,
            _ => null,
        };
        return error.Length > 0 ? throw new OptionException(error) : request with { Points = points ?? throw new OptionException("which: it is none of in, out, dropped") };
    }
}
