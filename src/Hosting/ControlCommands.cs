using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Softswitch.Hosting.Captures;
using Softswitch.Hosting.Cards;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Ports;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.TakeOver;
using Softswitch.Hosting.Tracing;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports;
using Softswitch.Ports.Linux;

namespace Softswitch.Hosting;

/// <summary>Does what a line of the control socket asks for. Threads: any.</summary>
internal sealed class ControlCommands(SwitchHost host, SwitchPorts ports, SwitchCards cards, ILogger log)
{
    private const int LongestEcho = 40;

    /// <returns>Whether it was done, and what there is to say: if not, why.</returns>
    public ControlAnswer Execute(string request) => Answer(log, request, () =>
    {
        if (request.StartsWith(HandoverTarget.Verb, StringComparison.Ordinal))
        {
            host.CheckHandOver();
            return request[HandoverTarget.Verb.Length..] == $"{HandoverChannel.Version}" ? new ControlAnswer(true, [], Follow: host.HandOver)
                : throw new OptionException($"it hands over by version {HandoverChannel.Version} of the protocol, not by '{Echo(request[HandoverTarget.Verb.Length..])}'");
        }
        return request.Split(' ')[0] == CaptureRequest.Verb
            ? new ControlAnswer(true, [], host.BeginCapture(CaptureRequest.Parse(request)))
            : new ControlAnswer(true, Apply(request));
    });

    /// <summary>What does not succeed is an answer, too, and told to the log.</summary>
    public static ControlAnswer Answer(ILogger log, string request, Func<ControlAnswer> act)
    {
        string[] reasons;
        try
        {
            return act();
        }
        catch (Exception e) when (e is OptionException or PortException or SystemCallException or RegisterAccessException)
        {
            reasons = e.Message.Split('\n');
        }
        catch (ObjectDisposedException)
        {
            reasons = ["the switch has ended"];
        }
#pragma warning disable CA1031 // one command that fails in an unforeseen way must not end the switch
        catch (Exception e)
#pragma warning restore CA1031
        {
            reasons = [$"unexpected {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}"];
        }
        HostLog.CommandRefused(log, Echo(request), string.Join("; ", reasons));
        return new ControlAnswer(false, reasons);
    }

    private IReadOnlyList<string> Apply(string request)
    {
        if (request.StartsWith(ControlProtocol.AddPort, StringComparison.Ordinal))
        {
            return ports.Add(request[ControlProtocol.AddPort.Length..]);
        }
        if (request.StartsWith(ControlProtocol.DeletePort, StringComparison.Ordinal))
        {
            return [ports.Remove(request[ControlProtocol.DeletePort.Length..])];
        }
        if (request == ControlProtocol.ShowCards || request.StartsWith($"{ControlProtocol.ShowCards} ", StringComparison.Ordinal))
        {
            string name = request[ControlProtocol.ShowCards.Length..].Trim();
            return cards.Show(name.Length == 0 ? null : name);
        }
        if (request.StartsWith(ControlProtocol.Trace, StringComparison.Ordinal))
        {
            return [JsonSerializer.Serialize(host.Trace(ReadTrace(request[ControlProtocol.Trace.Length..])), TraceJson.Default.IReadOnlyListTraceReport)];
        }
        if (request.StartsWith(ControlProtocol.BusiestFlows, StringComparison.Ordinal))
        {
            return [FindBusiestFlows(request[ControlProtocol.BusiestFlows.Length..])];
        }
        return request switch
        {
            ControlProtocol.ListPorts => ports.Describe(),
            ControlProtocol.Report => [JsonSerializer.Serialize(host.ReadReport(), ReportJson.Default.SwitchReport)],
            _ => throw new OptionException($"'{Echo(request)}' is none of 'port add [N=]SPEC', 'port del N|NAME', 'port list', 'report', 'reload', 'config [all]', 'flows/busiest N MS', 'trace {{...}}', 'netfpga/show [CARD]', 'capture ...'"),
        };
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

    private string FindBusiestFlows(string request)
    {
        if (request.Split(' ') is not [var first, var second]
            || !int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count is < 1 or > ControlProtocol.MostBusiestFlows
            || !int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out int milliseconds) || milliseconds > ControlProtocol.LongestWatchMilliseconds)
        {
            throw new OptionException($"flows/busiest: '{Echo(request)}' is not 1 to {ControlProtocol.MostBusiestFlows} entries and up to {ControlProtocol.LongestWatchMilliseconds} milliseconds");
        }
        return JsonSerializer.Serialize(host.ReadBusiestFlows(count, TimeSpan.FromMilliseconds(milliseconds), TimeProvider.System), ReportJson.Default.FlowActivityReport);
    }

    /// <summary>What a stranger wrote, fit to be shown.</summary>
    public static string Echo(string request) =>
        string.Concat(request.Take(LongestEcho).Select(c => char.IsControl(c) ? '?' : c)) + (request.Length > LongestEcho ? "..." : string.Empty);
}
