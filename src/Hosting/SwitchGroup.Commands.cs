using System.Text.Json;
using Softswitch.Datapath.Packets;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.TakeOver;
using Softswitch.OfAgent.Agent;

namespace Softswitch.Hosting;

/// <content>What tools ask of the process, and of its switches.</content>
public sealed partial class SwitchGroup
{
    private const string DefaultName = "softswitch";

    // For all switches together: who does not answer by then is told as it was.
    private const int PatienceMilliseconds = 500;

    /// <summary>Switches there are, those that do not run among them.</summary>
    internal int Count
    {
        get
        {
            lock (_lock)
            {
                return _members.Count;
            }
        }
    }

    /// <summary>Does what a line of the control socket asks for. Threads: any.</summary>
    internal ControlAnswer Execute(string request)
    {
        string? name = null;
        if (request is [ControlProtocol.SwitchMark, .. var rest])
        {
            (name, request) = rest.Split(' ', 2) is [var first, var second] ? (first, second) : (rest, string.Empty);
        }
        if (IsForProcess(name, request))
        {
            return ControlCommands.Answer(_log, request, () => new ControlAnswer(true, Apply(name, request)));
        }
        SwitchHost? host = null;
        ControlAnswer answer = ControlCommands.Answer(_log, request, () =>
        {
            host = name == null ? FindOnly(request) : FindRunning(name);
            return default;
        });
        return host?.Execute(request) ?? answer;
    }

    private bool IsForProcess(string? name, string request) =>
        request.StartsWith("switch ", StringComparison.Ordinal) || request == ControlProtocol.Reload
        || request is ControlProtocol.ShowConfiguration or ControlProtocol.ShowWholeConfiguration
        || (name == null && !HasOneSwitch && request is ControlProtocol.Report);

    private IReadOnlyList<string> Apply(string? name, string request)
    {
        if (_endsWithSwitch && (request.StartsWith(ControlProtocol.AddSwitch, StringComparison.Ordinal) || request.StartsWith(ControlProtocol.DeleteSwitch, StringComparison.Ordinal)))
        {
            throw new OptionException("the process has one switch, which is its program's own");
        }
        if (request.StartsWith(ControlProtocol.AddSwitch, StringComparison.Ordinal))
        {
            List<string> said = [];
            Add(ReadAdded(request[ControlProtocol.AddSwitch.Length..]), said.Add);
            said.ForEach(line => HostLog.News(_log, line));
            return said;
        }
        if (request.StartsWith(ControlProtocol.DeleteSwitch, StringComparison.Ordinal))
        {
            string gone = request[ControlProtocol.DeleteSwitch.Length..];
            Remove(gone);
            HostLog.News(_log, $"switch {gone}: removed");
            return [$"switch {gone}: removed"];
        }
        return request switch
        {
            ControlProtocol.ListSwitches => [JsonSerializer.Serialize(ReadReport().Switches, ReportJson.Default.IReadOnlyListSwitchSummary)],
            ControlProtocol.Report => [JsonSerializer.Serialize(ReadReport(), ReportJson.Default.GroupReport)],
            ControlProtocol.Reload => Reload("reload"),
            ControlProtocol.ShowConfiguration or ControlProtocol.ShowWholeConfiguration => DescribeOptions(request == ControlProtocol.ShowWholeConfiguration, name),
            _ => throw new OptionException($"'{ControlCommands.Echo(request)}' is none of 'switch add {{...}}', 'switch del NAME', 'switch list'"),
        };
    }

    /// <exception cref="OptionException">A line for each option that is wrong.</exception>
    private SwitchOptions ReadAdded(string json)
    {
        List<Setting> given = [];
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            foreach (JsonProperty option in document.RootElement.EnumerateObject())
            {
                IEnumerable<JsonElement> values = option.Value.ValueKind == JsonValueKind.Array ? option.Value.EnumerateArray() : [option.Value];
                given.AddRange(values.Select(value => new Setting(option.Name, TextOf(value) ?? throw new OptionException($"--{option.Name}: is neither a text nor a list of texts"), $"--{option.Name}")));
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new OptionException($"switch add: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        SwitchOption[] known = [.. SwitchOption.All.Where(option => option.Scope != OptionScope.Process)];
        return given.Find(setting => !known.Any(option => option.Name == setting.Key)) is { } stranger
            ? throw new OptionException($"{stranger.Origin}: is no option of one switch; there are {string.Join(", ", known.Select(option => option.Name))}")
            : GroupOptionsReader.ReadAdded(_options, given);
    }

    /// <returns>Null where it is none.</returns>
    private static string? TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        _ => null,
    };

    /// <summary>The switch that is meant where none is named: the only one, or the one that the process is called by.</summary>
    private SwitchHost FindOnly(string request)
    {
        string[] names;
        lock (_lock)
        {
            names = [.. _members.Select(member => member.Name)];
        }
        return names.Length == 1 ? FindRunning(names[0])
            : names.Length > 0 && request.StartsWith(HandoverTarget.Verb, StringComparison.Ordinal) ? throw NotAlone()
            : names.Contains(Name) ? FindRunning(Name!)
            : throw new OptionException(names.Length == 0 ? "there is no switch in this process yet (softswitch switch add)" : $"which switch? there are {string.Join(", ", names)}");
    }

    private SwitchHost FindRunning(string name)
    {
        lock (_lock)
        {
            GroupMember member = _members.Find(member => member.Name == name) ?? throw NoSuchSwitch(name);
            return member.Host ?? throw new OptionException($"switch '{name}': {(member.Failure is { } failure ? $"failed: {failure}" : "is being started")}");
        }
    }

    /// <summary>Reads the switches of this process. Threads: any.</summary>
    /// <param name="running">Those that end meanwhile are left out.</param>
    /// <param name="failed">Those that do not run any more, to be told behind them.</param>
    internal static GroupReport ReadReport(string? name, TimeSpan uptime, IReadOnlyList<SwitchHost> running, IEnumerable<SwitchSummary> failed)
    {
        long began = Environment.TickCount64;
        List<SwitchSummary> switches = [];
        foreach (SwitchHost host in running)
        {
            try
            {
                long left = Math.Max(0, began + PatienceMilliseconds - Environment.TickCount64);
                switches.Add(host.ReadSummary(TimeSpan.FromMilliseconds(left)));
            }
            catch (ObjectDisposedException)
            {
                // it went meanwhile
            }
        }
        var workers = running.SelectMany(host => host.Control.Workers).GroupBy(worker => worker.Id);
        FramePool[] pools = [.. running.Select(host => host.Control.Frames).Distinct()];
        return new GroupReport(
            name, AgentOptions.ProgramVersion, DateTimeOffset.Now, uptime.TotalSeconds, [.. switches, .. failed],
            [.. workers.OrderBy(worker => worker.Key).Select(worker => WorkerLoadReport.Of(worker.Key, worker))],
            pools.Sum(pool => pool.FrameCount), pools.Sum(pool => pool.FreeCount), pools.Length == 0 ? 0 : pools[0].FrameSize,
            SwitchHost.ReadProcess());
    }
}
