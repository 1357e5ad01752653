using System.Text.Json;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Packets;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Reports;
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

    /// <summary>The only switch; null while there are none or several, those that failed or are being started counted.</summary>
    internal SwitchHost? Alone => Count == 1 && Switches is [var one] ? one : null;

    /// <summary>What is told of tools.</summary>
    internal ILogger Log => _log;

    /// <summary>Has tools served at the control socket, if there is one, by threads of the calling one's network namespace.</summary>
    /// <param name="make">Makes the server, when the first tool comes.</param>
    internal void Serve(Func<IConnectionServer> make) => Socket?.Serve(make);

    /// <summary>Starts one more switch, as a tool asks for it; it forwards when this returns.</summary>
    /// <param name="json">An object: names of options of <c>run</c> with a text or a list of texts.</param>
    /// <returns>What it has open.</returns>
    /// <exception cref="OptionException">A line for each option that is wrong, or for what cannot be had.</exception>
    internal IReadOnlyList<string> AddForTool(string json)
    {
        CheckTakesTools();
        List<string> said = [];
        Add(ReadAdded(json), said.Add);
        said.ForEach(line => HostLog.News(_log, line));
        return said;
    }

    /// <summary>Ends a switch, as a tool asks for it.</summary>
    /// <exception cref="OptionException">There is no such switch.</exception>
    internal IReadOnlyList<string> RemoveForTool(string name)
    {
        CheckTakesTools();
        Remove(name);
        HostLog.News(_log, $"switch {name}: removed");
        return [$"switch {name}: removed"];
    }

    /// <summary>Has another process, which asks for the switch that has this one for itself, go on with it.</summary>
    /// <param name="version">Of the protocol by which that process takes over.</param>
    /// <exception cref="OptionException">There is no switch, or another one besides; or as <see cref="SwitchHost.BeginHandOver"/>.</exception>
    internal void BeginHandOver(string version) => (Count > 0 && !HasOneSwitch ? throw NotAlone() : FindOnly()).BeginHandOver(version);

    private void CheckTakesTools()
    {
        if (_endsWithSwitch)
        {
            throw new OptionException("the process has one switch, which is its program's own");
        }
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
    /// <exception cref="OptionException">There is none, or the message lists those there are.</exception>
    internal SwitchHost FindOnly()
    {
        string[] names;
        lock (_lock)
        {
            names = [.. _members.Select(member => member.Name)];
        }
        return names.Length == 1 ? FindRunning(names[0])
            : names.Contains(Name) ? FindRunning(Name!)
            : throw new OptionException(names.Length == 0 ? "there is no switch in this process yet (softswitch switch add)" : $"which switch? there are {string.Join(", ", names)}");
    }

    /// <summary>Why <see cref="Find"/> has nothing for a name.</summary>
    internal string WhyNot(string name)
    {
        lock (_lock)
        {
            return _members.Find(member => member.Name == name) is not { } member ? NoSuchSwitch(name).Message
                : $"switch '{name}': {(member.Failure is { } failure ? $"failed: {failure}" : "is being started")}";
        }
    }

    /// <exception cref="OptionException">There is no such switch, or it does not run.</exception>
    private SwitchHost FindRunning(string name) => Find(name) ?? throw new OptionException(WhyNot(name));

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
