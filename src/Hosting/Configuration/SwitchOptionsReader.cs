using System.Globalization;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports;
using Softswitch.Ports.Linux;

namespace Softswitch.Hosting.Configuration;

/// <summary>Turns settings into options, or into one line for each that cannot be.</summary>
internal sealed class SwitchOptionsReader
{
    private const int MaxWorkers = 64;
    private const int MaxPacketInRate = 100_000_000;
    private const int LeastFrames = 1024;
    private const int MostFrames = 1 << 20;
    private const int FramesPerBuffer = 4; // what waits in buffers must leave enough for what is under way
    private const int MaxBuffers = 4096;
    private const int MaxBufferSeconds = 3600;
    private const int MaxActionMemoryMiB = 4096;
    private const int MaxEmergencyFlows = 1 << 16;
    private const int MaxEmergencyAttempts = 1000;

    private readonly List<string> _errors = [];

    /// <param name="settings">All of them; a key that is not repeatable comes once.</param>
    /// <exception cref="OptionException">One line for each setting that is wrong.</exception>
    public static SwitchOptions Read(IReadOnlyList<Setting> settings) => new SwitchOptionsReader().ReadAll(settings);

    private SwitchOptions ReadAll(IReadOnlyList<Setting> settings)
    {
        ILookup<string, Setting> byKey = settings.ToLookup(setting => setting.Key);
        foreach (SettingKey key in SettingKey.All.Where(key => !key.IsRepeatable && byKey[key.Name].Count() > 1))
        {
            Refuse(byKey[key.Name].Last(), $"is given more than once: {string.Join(" and ", byKey[key.Name].Select(setting => $"'{setting.Value}'"))}");
        }
        List<CardOption> cards = CardOptionsReader.Read(byKey[SettingKey.NetFpga.Name], _errors);
        List<PortOption> ports = ReadPorts([.. byKey[SettingKey.Port.Name]], cards, byKey.Contains(SettingKey.NetFpga.Name));
        var options = new SwitchOptions
        {
            Ports = ports,
            Cards = cards,
            Queues = QueueOptionsReader.Read(byKey[SettingKey.Queue.Name], ports, _errors),
            DatapathId = ReadLast(byKey, SettingKey.DatapathId, ReadDatapathId),
            Controllers = ReadTargets(byKey, SettingKey.Controller, passive: false),
            Listeners = ReadTargets(byKey, SettingKey.Listen, passive: true),
            Control = byKey[SettingKey.Control.Name].LastOrDefault() is { } control ? ReadControl(control) : null,
            FailMode = ReadLast(byKey, SettingKey.FailMode, ReadFailMode) ?? FailMode.Secure,
            InBand = ReadLast(byKey, SettingKey.InBand, ReadBoolean) ?? false,
            PacketInRate = ReadLast(byKey, SettingKey.PacketInRate, setting => ReadNumber(setting, 0, MaxPacketInRate)),
            PacketInBurst = ReadLast(byKey, SettingKey.PacketInBurst, setting => ReadNumber(setting, 1, MaxPacketInRate)),
            Frames = ReadLast(byKey, SettingKey.Frames, setting => ReadNumber(setting, LeastFrames, MostFrames)),
            FrameSize = ReadLast(byKey, SettingKey.FrameSize, ReadFrameSize),
            Buffers = ReadLast(byKey, SettingKey.Buffers, setting => ReadNumber(setting, 1, MaxBuffers)),
            BufferTimeout = ReadLast(byKey, SettingKey.BufferTimeout, ReadBufferTimeout),
            ActionMemoryMiB = ReadLast(byKey, SettingKey.ActionMemory, setting => ReadNumber(setting, 1, MaxActionMemoryMiB)),
            EmergencyFlows = ReadLast(byKey, SettingKey.EmergencyFlows, setting => ReadNumber(setting, 0, MaxEmergencyFlows)),
            EmergencyAttempts = ReadLast(byKey, SettingKey.EmergencyAttempts, setting => ReadNumber(setting, 0, MaxEmergencyAttempts)),
            Workers = ReadLast(byKey, SettingKey.Workers, setting => ReadNumber(setting, 1, MaxWorkers)) ?? 1,
            SpinsWhenIdle = ReadLast(byKey, SettingKey.Idle, ReadIdle) ?? false,
            SpanningTree = SpanningTreeSettings.Read(byKey, Refuse),
        };
        if (options.Control is { } shared && options.Listeners.Contains(shared))
        {
            Refuse(byKey[SettingKey.Control.Name].Last(), $"'{shared}' is where --listen listens");
        }
        if (options.Frames is int frames && options.Buffers is int buffers && buffers > frames / FramesPerBuffer)
        {
            Refuse(byKey[SettingKey.Buffers.Name].Last(), $"'{buffers}' is more than a quarter of the {frames} frames");
        }
        options = options with { Processors = ReadProcessors(byKey[SettingKey.Processors.Name].LastOrDefault(), options.Workers) };
        options = options with { Tls = ReadTls(byKey, options.Controllers.Concat(options.Listeners).FirstOrDefault(target => target.NeedsTls)) };
        if (options.InBand && InBandObstacle(options) is { } obstacle)
        {
            Refuse(byKey[SettingKey.InBand.Name].Last(), obstacle);
        }
        return _errors.Count == 0 ? options : throw new OptionException(_errors);
    }

    private static T? ReadLast<T>(ILookup<string, Setting> settings, SettingKey key, Func<Setting, T?> read)
        where T : struct => settings[key.Name].LastOrDefault() is { } setting ? read(setting) : null;

    private List<ConnectionTarget> ReadTargets(ILookup<string, Setting> settings, SettingKey key, bool passive)
    {
        var targets = new List<ConnectionTarget>();
        foreach (Setting setting in settings[key.Name])
        {
            if (!ConnectionTarget.TryParse(setting.Value, out ConnectionTarget? target, out string error))
            {
                Refuse(setting, error);
            }
            else if (target!.IsPassive != passive)
            {
                Refuse(setting, $"'{setting.Value}' is not {(passive ? ConnectionTarget.PassiveForms : ConnectionTarget.ActiveForms)}");
            }
            else if ((target.Port != 0 || target.Transport == ConnectionTransport.Unix) && targets.Contains(target))
            {
                Refuse(setting, $"'{setting.Value}' is given twice");
            }
            else
            {
                targets.Add(target);
            }
        }
        return targets;
    }

    private ConnectionTarget? ReadControl(Setting setting)
    {
        if (!ConnectionTarget.TryParse(setting.Value, out ConnectionTarget? target, out _) || target is not { Transport: ConnectionTransport.Unix, IsPassive: true })
        {
            Refuse(setting, $"'{setting.Value}' is not {SettingKey.Control.Argument}");
            return null;
        }
        return target;
    }

    /// <summary>The files of TLS; all of them must be there if a target needs them.</summary>
    private TlsFiles? ReadTls(ILookup<string, Setting> settings, ConnectionTarget? needy)
    {
        string[] files = Array.ConvertAll(
            (SettingKey[])[SettingKey.PrivateKey, SettingKey.Certificate, SettingKey.CaCertificate, SettingKey.BootstrapCaCertificate],
            key => settings[key.Name].LastOrDefault()?.Value ?? "");
        string error = TlsFiles.Check(files[0], files[1], files[2], files[3], needy, out TlsFiles? tls);
        if (error.Length > 0)
        {
            _errors.Add(error);
        }
        return tls;
    }

    /// <summary>Ports with a number keep it; then cards' interfaces, in their order, and then the others take the lowest free ones, in the order given.</summary>
    private List<PortOption> ReadPorts(List<Setting> settings, List<CardOption> cards, bool hasCards)
    {
        if (settings.Count == 0 && !hasCards)
        {
            _errors.Add("--port: at least one is needed, such as --port 1=eth1");
        }
        var specs = new List<(Setting Setting, PortSpec Spec)>();
        var owners = new Dictionary<ushort, PortSpec>();
        foreach (Setting setting in settings)
        {
            if (!PortSpec.TryParse(setting.Value, out PortSpec? spec, out string? error))
            {
                _errors.Add(setting.IsFromFile ? $"{setting.Origin}: {error}" : error); // it begins with "port '...'"
            }
            else if (spec.Kind == PortKind.NetFpga && CardObstacle(spec, cards, specs.Select(given => given.Spec)) is { } obstacle)
            {
                Refuse(setting, $"'{spec}': {obstacle}");
            }
            else if (spec.Number is { } number && !owners.TryAdd(number, spec))
            {
                Refuse(setting, $"'{spec}': the number belongs to '{owners[number]}'");
            }
            else
            {
                specs.Add((setting, spec));
            }
        }
        List<PortOption> ports = [];
        foreach (CardOption card in cards)
        {
            for (int index = card.FirstInterface; index < card.FirstInterface + CardPort.Count; index++)
            {
                (PortSpec spec, string origin) = CardPortSpec(CardNetdev.NameOf(index), card, specs);
                ports.Add(new PortOption(spec.Number ?? TakeLowest(owners, spec), spec, origin));
            }
        }
        ports.AddRange(specs.Where(given => given.Spec.Kind != PortKind.NetFpga)
            .Select(given => new PortOption(given.Spec.Number ?? TakeLowest(owners, given.Spec), given.Spec, given.Setting.Origin)));
        TunnelOptionsCheck.Run(ports, _errors);
        return ports;
    }

    private static string? CardObstacle(PortSpec spec, List<CardOption> cards, IEnumerable<PortSpec> others)
    {
        bool isKnown = CardNetdev.TryParse(spec.Target, out int index) && cards.Exists(card => index - card.FirstInterface is >= 0 and < CardPort.Count);
        return !isKnown ? $"is a port of a NetFPGA card, which has to be given, too: --netfpga {CardNetdev.NameOf(index - (index % CardPort.Count))}, or --netfpga emulator"
            : spec.Number == PortNumber.Local ? "a card's port cannot be LOCAL"
            : others.FirstOrDefault(other => other.Target == spec.Target) is { } twin ? $"the interface belongs to '{twin}'"
            : null;
    }

    /// <summary>What <c>--port</c> says of a card's interface, if anything.</summary>
    private static (PortSpec Spec, string Origin) CardPortSpec(string name, CardOption card, List<(Setting Setting, PortSpec Spec)> specs)
    {
        foreach ((Setting setting, PortSpec given) in specs.Where(given => given.Spec.Kind == PortKind.NetFpga && given.Spec.Target == name))
        {
            return (given, setting.Origin);
        }
        return PortSpec.TryParse(name, out PortSpec? spec, out string? error) ? (spec, card.Origin) : throw new InvalidOperationException(error);
    }

    private static ushort TakeLowest(Dictionary<ushort, PortSpec> owners, PortSpec spec)
    {
        ushort number = 1;
        while (!owners.TryAdd(number, spec))
        {
            number++;
        }
        return number;
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

    /// <summary>Why the switch cannot have its connections lead through itself; null if it can.</summary>
    private static string? InBandObstacle(SwitchOptions options)
    {
        if (options.Ports.FirstOrDefault(port => port.Number == PortNumber.Local) is not { } local)
        {
            return "there is no port LOCAL behind which the host's network stack would be; add --port local=tap:NAME";
        }
        if (local.Spec.Kind != PortKind.Tap)
        {
            return $"'{local.Spec.Text}' is no TAP device, behind which the host's network stack would be; use local=tap:NAME";
        }
        return options.Controllers.Concat(options.Listeners).All(target => target.Transport == ConnectionTransport.Unix)
            ? "there is neither a --controller nor a --listen over TCP or TLS" : null;
    }

    private bool? ReadBoolean(Setting setting)
    {
        if (bool.TryParse(setting.Value, out bool value))
        {
            return value;
        }
        Refuse(setting, $"'{setting.Value}' is neither true nor false");
        return null;
    }

    private TimeSpan? ReadBufferTimeout(Setting setting) =>
        ReadNumber(setting, 1, MaxBufferSeconds) is { } seconds ? TimeSpan.FromSeconds(seconds) : null;

    private int[] ReadProcessors(Setting? setting, int workers)
    {
        if (setting == null)
        {
            return [];
        }
        var processors = new List<int>();
        foreach (string part in setting.Value.Split(','))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int processor) || processor >= ProcessorAffinity.Limit)
            {
                Refuse(setting, $"'{part}' is not the number of a processor");
                return [];
            }
            processors.Add(processor);
        }
        if (processors.Count != workers || processors.Distinct().Count() != workers)
        {
            Refuse(setting, $"'{setting.Value}' does not name a processor of its own for each worker, of which there {(workers == 1 ? "is" : "are")} {workers}");
        }
        return [.. processors];
    }

    private int? ReadFrameSize(Setting setting)
    {
        switch (setting.Value)
        {
            case "2048":
                return 2048;
            case "4096":
                return 4096;
            default:
                Refuse(setting, $"'{setting.Value}' is neither 2048 nor 4096");
                return null;
        }
    }

    private bool? ReadIdle(Setting setting)
    {
        switch (setting.Value)
        {
            case "adaptive":
                return false;
            case "spin":
                return true;
            default:
                Refuse(setting, $"'{setting.Value}' is neither adaptive nor spin");
                return null;
        }
    }

    private int? ReadNumber(Setting setting, int lowest, int highest)
    {
        if (int.TryParse(setting.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= lowest && number <= highest)
        {
            return number;
        }
        Refuse(setting, $"'{setting.Value}' is not a number from {lowest} to {highest}");
        return null;
    }

    private void Refuse(Setting setting, string reason) => _errors.Add($"{setting.Origin}: {reason}");
}
