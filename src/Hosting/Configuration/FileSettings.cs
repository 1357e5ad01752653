namespace Softswitch.Hosting.Configuration;

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
