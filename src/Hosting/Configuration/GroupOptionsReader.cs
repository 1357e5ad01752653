using System.Text.Json;

namespace Softswitch.Hosting.Configuration;

/// <summary>Turns what was given for a process into the options of its switches: which setting is whose is said by <see cref="SwitchOption.Scope"/>.</summary>
internal static class GroupOptionsReader
{
    private static readonly Dictionary<string, OptionScope> Scopes = SwitchOption.All.ToDictionary(option => option.Name, option => option.Scope);

    /// <param name="commandLine">It wins over the file.</param>
    /// <param name="file">Null without one.</param>
    /// <param name="numbering">As for <see cref="ConfigurationSource"/>.</param>
    /// <param name="errors">What was wrong before it came to settings.</param>
    /// <exception cref="OptionException">Those, and one line for each setting that is wrong.</exception>
    public static SwitchGroupOptions Read(IReadOnlyList<Setting> commandLine, FileSettings? file, Func<string, PortNumbering?>? numbering, IEnumerable<string> errors)
    {
        List<Setting> top = [.. commandLine, .. file?.Settings.Where(setting => !commandLine.Any(given => given.Key == setting.Key)) ?? []];
        return file?.Switches == null
            ? SwitchGroupOptions.Of(
                SwitchOptionsReader.Read(top, numbering?.Invoke(string.Empty), errors, needsPorts: file is not { MayLackPorts: true }))
            : ReadAll(commandLine, top, file.Switches, numbering, [.. errors]);
    }

    /// <summary>The options of a switch that is added to a running process.</summary>
    /// <param name="process">What it shares with others, and what holds where it says nothing.</param>
    /// <exception cref="OptionException">A line for each setting that is wrong.</exception>
    public static SwitchOptions ReadAdded(SwitchGroupOptions process, IReadOnlyList<Setting> given)
    {
        List<string> errors = [.. given.Where(setting => ScopeOf(setting) == OptionScope.Process).Select(setting => $"{setting.Origin}: is the process's, which runs")];
        if (errors.Count > 0 || !given.Any(setting => setting.Key == "name"))
        {
            throw new OptionException(errors.Count > 0 ? errors : ["--name: a switch that is not alone in its process needs one"]);
        }
        return ReadOne(process, given, null);
    }

    /// <summary>The same, from a JSON object: names of options with a text or a list of texts.</summary>
    /// <exception cref="OptionException">A line for each option that is wrong.</exception>
    public static SwitchOptions ReadAdded(SwitchGroupOptions process, string json)
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
            : ReadAdded(process, given);
    }

    private static SwitchGroupOptions ReadAll(
        IReadOnlyList<Setting> commandLine, List<Setting> top, IReadOnlyList<SwitchSettings> switches, Func<string, PortNumbering?>? numbering, List<string> errors)
    {
        errors.AddRange(top.Where(setting => ScopeOf(setting) == OptionScope.OneSwitch || setting.Key == "take-over")
            .Select(setting => $"{setting.Origin}: belongs to one switch, and there are {FileSettings.SwitchesKey}:"));
        errors.AddRange(switches.SelectMany(one => one.Settings).Where(setting => ScopeOf(setting) == OptionScope.Process)
            .Select(setting => $"{setting.Origin}: is the process's: it stands beside {FileSettings.SwitchesKey}:"));
        errors.AddRange(switches.Where(one => one.Name == null).Select(one => $"{one.Origin}: has no name"));
        SwitchOptions process = new();
        Try(() => process = SwitchOptionsReader.Read([.. top.Where(setting => ScopeOf(setting) is OptionScope.Process or OptionScope.Each)], needsPorts: false), errors);
        SwitchGroupOptions group = SwitchGroupOptions.ForProcess(process) with
        {
            IsNamedByDefault = true,
            Defaults = [.. top.Where(setting => ScopeOf(setting) == OptionScope.Switch)],
        };
        List<SwitchOptions> read = [];
        foreach (SwitchSettings one in switches)
        {
            List<Setting> own = [.. one.Settings.Where(setting => ScopeOf(setting) != OptionScope.Process && !IsFrom(commandLine, setting))];
            Try(() => read.Add(ReadOne(group, own, one.Name is { } name ? numbering?.Invoke(name) : null)), errors);
        }
        if (errors.Count > 0)
        {
            throw new OptionException([.. errors.Distinct()]); // what holds for all is wrong for all
        }
        return (group with { Switches = read }).Complete();
    }

    private static bool IsFrom(IReadOnlyList<Setting> commandLine, Setting setting) =>
        ScopeOf(setting) == OptionScope.Switch && commandLine.Any(given => given.Key == setting.Key);

    private static SwitchOptions ReadOne(SwitchGroupOptions group, IReadOnlyList<Setting> own, PortNumbering? numbering)
    {
        SwitchOptions process = group.ForProcess();
        IEnumerable<Setting> shared = SwitchOption.All.Where(option => option is { Scope: OptionScope.Process, IsForProgram: false })
            .SelectMany(option => option.Show(process).Select(value => new Setting(option.Name, value, $"--{option.Name}")));
        IEnumerable<Setting> defaults = group.Defaults.Where(setting => !own.Any(given => given.Key == setting.Key));
        SwitchOptions read = SwitchOptionsReader.Read([.. shared, .. defaults, .. own], numbering, needsPorts: false);
        bool isOwnFolder = own.Any(setting => setting.Key == "state");
        return read with { Control = null, State = isOwnFolder || read is not { State: { } folder, Name: { } name } ? read.State : Path.Combine(folder, name) };
    }

    /// <returns>Null where it is none.</returns>
    private static string? TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        _ => null,
    };

    private static OptionScope ScopeOf(Setting setting) => Scopes[setting.Key];

    private static void Try(Action read, List<string> errors)
    {
        try
        {
            read();
        }
        catch (OptionException e)
        {
            errors.AddRange(e.Message.Split('\n'));
        }
    }
}

/// <summary>What a configuration file has.</summary>
/// <param name="Settings">Its keys but <c>switches:</c>.</param>
/// <param name="Switches">What stands below that, a list for each switch; null where there is no such key.</param>
internal sealed record FileSettings(IReadOnlyList<Setting> Settings, IReadOnlyList<SwitchSettings>? Switches)
{
    public const string SwitchesKey = "switches";

    /// <summary>Whether what could not be read may have been meant for a port: then it is no mistake of its own that there is none.</summary>
    public bool MayLackPorts { get; init; }
}

/// <summary>What a file has for one of several switches.</summary>
/// <param name="Origin">Where it begins: <c>lab.yaml:3: switch 2</c>.</param>
/// <param name="Settings">Each with an origin that names the switch.</param>
internal sealed record SwitchSettings(string Origin, IReadOnlyList<Setting> Settings)
{
    /// <summary>Null where it has none.</summary>
    public string? Name => Settings.FirstOrDefault(setting => setting.Key == "name")?.Value;
}
