using System.Globalization;
using Softswitch.Datapath.Ports;

namespace Softswitch.Configuration;

/// <summary>Turns settings into options, or into one line for each that cannot be.</summary>
internal sealed class SwitchOptionsReader
{
    private const int MaxWorkers = 64;

    private readonly List<string> _errors = [];

    /// <param name="settings">All of them; where a key is not repeatable, the last one counts.</param>
    /// <exception cref="OptionException">One line for each setting that is wrong.</exception>
    public static SwitchOptions Read(IReadOnlyList<Setting> settings) => new SwitchOptionsReader().ReadAll(settings);

    private SwitchOptions ReadAll(IReadOnlyList<Setting> settings)
    {
        ILookup<string, Setting> byKey = settings.ToLookup(setting => setting.Key);
        IReadOnlyList<PortOption> ports = ReadPorts([.. byKey[SettingKey.Port.Name]]);
        var options = new SwitchOptions
        {
            Ports = ports,
            DatapathId = ReadLast(byKey, SettingKey.DatapathId, ReadDatapathId),
            Controllers = ReadConnections(byKey, SettingKey.Controller, ConnectionOption.ParseActive),
            Listeners = ReadConnections(byKey, SettingKey.Listen, ConnectionOption.ParsePassive),
            FailMode = ReadLast(byKey, SettingKey.FailMode, ReadFailMode) ?? FailMode.Secure,
            Workers = ReadLast(byKey, SettingKey.Workers, ReadWorkers) ?? 1,
        };
        return _errors.Count == 0 ? options : throw new OptionException(_errors);
    }

    private delegate ConnectionOption? ConnectionParser(string text, string origin, out string reason);

    private static T? ReadLast<T>(ILookup<string, Setting> settings, SettingKey key, Func<Setting, T?> read)
        where T : struct => settings[key.Name].LastOrDefault() is { } setting ? read(setting) : null;

    private List<ConnectionOption> ReadConnections(ILookup<string, Setting> settings, SettingKey key, ConnectionParser parse)
    {
        var connections = new List<ConnectionOption>();
        foreach (Setting setting in settings[key.Name])
        {
            ConnectionOption? connection = parse(setting.Value, setting.Origin, out string reason);
            if (connection == null)
            {
                Refuse(setting, reason);
            }
            else if (connections.Any(other => other.Host == connection.Host && other.Port == connection.Port && other.Port != 0))
            {
                Refuse(setting, $"'{setting.Value}' is given twice");
            }
            else
            {
                connections.Add(connection);
            }
        }
        return connections;
    }

    /// <summary>Ports with a number keep it; the others take the lowest free ones, in the order given.</summary>
    private List<PortOption> ReadPorts(List<Setting> settings)
    {
        if (settings.Count == 0)
        {
            _errors.Add("--port: at least one is needed, such as --port 1=eth1");
        }
        var parsed = new List<(Setting Setting, ushort? Number, string Spec)>();
        var owners = new Dictionary<ushort, string>();
        foreach (Setting setting in settings)
        {
            if (!TrySplit(setting, out ushort? number, out string spec))
            {
                continue;
            }
            if (number is { } taken && !owners.TryAdd(taken, setting.Value))
            {
                Refuse(setting, $"'{setting.Value}': number {Describe(taken)} belongs to '{owners[taken]}'");
                continue;
            }
            parsed.Add((setting, number, spec));
        }
        var ports = new List<PortOption>();
        ushort next = 1;
        foreach ((Setting setting, ushort? given, string spec) in parsed)
        {
            while (given == null && owners.ContainsKey(next))
            {
                next++;
            }
            ports.Add(new PortOption(given ?? next, spec, setting.Origin));
            if (given == null)
            {
                owners.Add(next, setting.Value);
            }
        }
        return ports;
    }

    private bool TrySplit(Setting setting, out ushort? number, out string spec)
    {
        number = null;
        spec = setting.Value;
        int equals = spec.IndexOf('=', StringComparison.Ordinal);
        int end = spec.AsSpan().IndexOfAny(':', ',');
        // An '=' behind a ':' or ',' belongs to the port's own options.
        if (equals >= 0 && (end < 0 || equals < end))
        {
            string prefix = spec[..equals];
            spec = spec[(equals + 1)..];
            bool isLocal = prefix.Equals("LOCAL", StringComparison.OrdinalIgnoreCase);
            if (!isLocal && (!ushort.TryParse(prefix, NumberStyles.None, CultureInfo.InvariantCulture, out ushort value) || !PortNumber.IsPhysical(value)))
            {
                return Refuse(setting, $"'{setting.Value}': '{prefix}' is not a port number (1 to {PortNumber.Max}, or LOCAL)");
            }
            number = isLocal ? PortNumber.Local : ushort.Parse(prefix, CultureInfo.InvariantCulture);
        }
        return spec.Length > 0 || Refuse(setting, $"'{setting.Value}' names no interface, file or device");
    }

    private ulong? ReadDatapathId(Setting setting)
    {
        string digits = setting.Value.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? setting.Value[2..] : setting.Value;
        if (digits.Length <= 16 && ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong id))
        {
            return id;
        }
        Refuse(setting, $"'{setting.Value}' is not a number of up to 16 hexadecimal digits");
        return null;
    }

    private FailMode? ReadFailMode(Setting setting)
    {
        switch (setting.Value)
        {
            case "standalone":
                return FailMode.Standalone;
            case "secure":
                return FailMode.Secure;
            default:
                Refuse(setting, $"'{setting.Value}' is neither standalone nor secure");
                return null;
        }
    }

    private int? ReadWorkers(Setting setting)
    {
        if (int.TryParse(setting.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int workers) && workers is >= 1 and <= MaxWorkers)
        {
            return workers;
        }
        Refuse(setting, $"'{setting.Value}' is not a number from 1 to {MaxWorkers}");
        return null;
    }

    private static string Describe(ushort number) => number == PortNumber.Local ? "LOCAL" : number.ToString(CultureInfo.InvariantCulture);

    private bool Refuse(Setting setting, string reason)
    {
        _errors.Add($"{setting.Origin}: {reason}");
        return false;
    }
}
