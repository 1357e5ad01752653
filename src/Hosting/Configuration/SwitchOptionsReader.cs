using System.Globalization;
using System.Net;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.SpanningTree;
using Softswitch.NetFpga.Registers;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Configuration;

/// <summary>
/// Turns settings into options, or into one line for each that cannot be. <see cref="SwitchOption"/> says what goes where; here is what
/// takes more than a line.
/// </summary>
internal sealed class SwitchOptionsReader
{
    private const int FramesPerBuffer = 4; // what waits in buffers must leave enough for what is under way

    private readonly List<string> _errors;
    private readonly HashSet<string> _refused = [];
    private readonly ILookup<string, Setting> _settings;

    private readonly PortNumbering? _numbering;
    private readonly bool _needsPorts;

    private SwitchOptionsReader(IReadOnlyList<Setting> settings, PortNumbering? numbering, IEnumerable<string> errors, bool needsPorts)
    {
        _needsPorts = needsPorts;
        _errors = [.. errors];
        _settings = settings.ToLookup(setting => setting.Key);
        _numbering = numbering;
    }

    public SwitchOptions Options { get; set; } = new();

    public DatapathOptions Datapath { get; set; } = new();

    public AgentOptions Agent { get; set; } = new();

    public SpanningTreeOptions SpanningTree { get; set; } = new();

    public bool HasSpanningTree { get; set; }

    public string PrivateKey { get; set; } = "";

    public string Certificate { get; set; } = "";

    public string CaCertificate { get; set; } = "";

    public string BootstrapCaCertificate { get; set; } = "";

    /// <param name="settings">All of them; an option that is not repeatable comes once.</param>
    /// <param name="numbering">Numbers for ports that are given without one; null for the lowest free ones.</param>
    /// <param name="errors">What was wrong before it came to settings.</param>
    /// <param name="needsPorts">Whether a switch without a port is a mistake: it is where nothing else is in the process.</param>
    /// <exception cref="OptionException">Those, and one line for each setting that is wrong.</exception>
    public static SwitchOptions Read(IReadOnlyList<Setting> settings, PortNumbering? numbering = null, IEnumerable<string>? errors = null, bool needsPorts = true) =>
        new SwitchOptionsReader(settings, numbering, errors ?? [], needsPorts).ReadAll();

    public void Refuse(Setting setting, string reason)
    {
        _refused.Add(setting.Key);
        _errors.Add($"{setting.Origin}: {reason}");
    }

    private SwitchOptions ReadAll()
    {
        foreach (SwitchOption option in SwitchOption.All.Where(option => !option.IsRepeatable && _settings[option.Name].Count() > 1))
        {
            Refuse(Last(option.Name)!, $"is given more than once: {string.Join(" and ", _settings[option.Name].Select(setting => $"'{setting.Value}'"))}");
        }
        foreach (SwitchOption option in SwitchOption.All)
        {
            option.Read(this, [.. _settings[option.Name]]);
        }
        CheckTogether();
        return _errors.Count > 0 ? throw new OptionException(_errors) : Options with
        {
            Datapath = Datapath with { SpanningTree = HasSpanningTree ? SpanningTree : null },
            Agent = Agent,
        };
    }

    /// <summary>What no option can say alone.</summary>
    private void CheckTogether()
    {
        if (Options.Control is { } control && Agent.Listeners.Contains(control))
        {
            Refuse(Last("control")!, $"'{control}' is where --listen listens");
        }
        if (Datapath.BufferCount > Datapath.FrameCount / FramesPerBuffer && (Last("buffers") ?? Last("frames")) is { } buffers)
        {
            Refuse(buffers, $"'{Datapath.BufferCount}' is more than a quarter of the {Datapath.FrameCount} frames");
        }
        if (!_refused.Any(name => name.StartsWith("stp", StringComparison.Ordinal)) && SpanningTree.Refusal is { } reason)
        {
            Setting culprit = Last("stp-max-age") ?? Last("stp-forward-delay") ?? Last("stp-hello")!;
            Refuse(culprit, $"{SpanningTree.HelloSeconds} s hello, {SpanningTree.MaxAgeSeconds} s maximum age, {SpanningTree.ForwardDelaySeconds} s forward delay: {reason}");
        }
        ConnectionTarget? needy = Agent.Controllers.Concat(Agent.Listeners).FirstOrDefault(target => target.NeedsTls);
        string error = TlsFiles.Check(PrivateKey, Certificate, CaCertificate, BootstrapCaCertificate, needy, out TlsFiles? files);
        if (error.Length > 0)
        {
            _errors.Add(error);
        }
        Options = Options with { Tls = files };
        if (Options.InBand && InBandObstacle() is { } obstacle)
        {
            Refuse(Last("in-band")!, obstacle);
        }
    }

    private Setting? Last(string name) => _settings[name].LastOrDefault();

    public void ReadQueues(IReadOnlyList<Setting> given) => Options = Options with { Queues = QueueOptionsReader.Read(given, Options.Ports, _errors) };

    public List<ConnectionTarget> ReadTargets(IReadOnlyList<Setting> given, bool passive)
    {
        var targets = new List<ConnectionTarget>();
        foreach (Setting setting in given)
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

    public void ReadState(Setting setting)
    {
        if (setting.Value.Length > 0)
        {
            Options = Options with { State = setting.Value };
        }
        else
        {
            Refuse(setting, "'' is the name of no folder");
        }
    }

    public void ReadName(Setting setting)
    {
        if (ControlSockets.IsName(setting.Value))
        {
            Options = Options with { Name = setting.Value };
        }
        else
        {
            Refuse(setting, $"'{setting.Value}' is not {ControlSockets.NameForm}");
        }
    }

    public void ReadControl(Setting setting, string form)
    {
        if (ConnectionTarget.TryParse(setting.Value, out ConnectionTarget? target, out _) && target is { Transport: ConnectionTransport.Unix, IsPassive: true })
        {
            Options = Options with { Control = target };
        }
        else
        {
            Refuse(setting, $"'{setting.Value}' is not {form}");
        }
    }

    public void ReadWeb(Setting setting)
    {
        if (WebAddress.TryParse(setting.Value, out IPEndPoint address, out string error))
        {
            Options = Options with { Web = address };
        }
        else
        {
            Refuse(setting, error);
        }
    }

    /// <summary>
    /// Ports with a number keep it; then cards' interfaces, in their order, and then the others take the lowest free ones, in the order
    /// given.
    /// </summary>
    public void ReadPorts(IReadOnlyList<Setting> given)
    {
        List<CardOption> cards = CardOptionsReader.Read(_settings["netfpga"], _errors);
        if (_needsPorts && given.Count == 0 && !_settings.Contains("netfpga"))
        {
            _errors.Add("--port: at least one is needed, such as --port 1=eth1");
        }
        var specs = new List<(Setting Setting, PortSpec Spec)>();
        var owners = new Dictionary<ushort, PortSpec>();
        foreach (Setting setting in given)
        {
            if (!PortSpec.TryParse(setting.Value, out PortSpec? spec, out string? error) || (error = PortFactory.FindMistake(spec)) != null)
            {
                _errors.Add(setting.IsFromFile ? $"{setting.Origin}: {error}" : error); // it begins with "port '...'"
            }
            else if (spec.Kind == PortKind.NetFpga && CardObstacle(spec, cards) is { } obstacle)
            {
                Refuse(setting, $"'{spec}': {obstacle}");
            }
            else if (spec.Number is { } number && !owners.TryAdd(number, spec))
            {
                Refuse(setting, $"'{spec}': the number belongs to '{owners[number]}'");
            }
            else if (spec.IsInterface && specs.Find(other => other.Spec.IsInterface && other.Spec.Target == spec.Target).Spec is { } owner)
            {
                Refuse(setting, $"'{spec}': the interface belongs to '{owner}'");
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
                ports.Add(new PortOption(spec.Number ?? TakeNumber(owners, spec), spec, origin) { IsNumberChosen = spec.Number == null });
            }
        }
        ports.AddRange(specs.Where(one => one.Spec.Kind != PortKind.NetFpga)
            .Select(one => new PortOption(one.Spec.Number ?? TakeNumber(owners, one.Spec), one.Spec, one.Setting.Origin)
            {
                IsNumberChosen = one.Spec.Number == null,
            }));
        TunnelOptionsCheck.Run(ports, _errors);
        Options = Options with { Cards = cards, Ports = ports };
    }

    private static string? CardObstacle(PortSpec spec, List<CardOption> cards)
    {
        bool isKnown = CardNetdev.TryParse(spec.Target, out int index) && cards.Exists(card => index - card.FirstInterface is >= 0 and < CardPort.Count);
        return !isKnown ? $"is a port of a NetFPGA card, which has to be given, too: --netfpga {CardNetdev.NameOf(index - (index % CardPort.Count))}, or --netfpga emulator"
            : spec.Number == PortNumber.Local ? "a card's port cannot be LOCAL"
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

    private ushort TakeNumber(Dictionary<ushort, PortSpec> owners, PortSpec spec)
    {
        if (_numbering?.Invoke(spec, owners.Keys) is { } known && owners.TryAdd(known, spec))
        {
            return known;
        }
        ushort number = 1;
        while (!owners.TryAdd(number, spec))
        {
            number++;
        }
        return number;
    }

    public void ReadDatapathId(Setting setting)
    {
        string digits = setting.Value.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? setting.Value[2..] : setting.Value;
        if (digits.Length <= 16 && ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong id))
        {
            Options = Options with { DatapathId = id };
        }
        else
        {
            Refuse(setting, $"'{setting.Value}' is not a number of up to 16 hexadecimal digits");
        }
    }

    /// <summary>Why the switch cannot have its connections lead through itself; null if it can.</summary>
    private string? InBandObstacle()
    {
        if (Options.Ports.FirstOrDefault(port => port.Number == PortNumber.Local) is not { } local)
        {
            return "there is no port LOCAL behind which the host's network stack would be; add --port local=tap:NAME";
        }
        if (local.Spec.Kind != PortKind.Tap)
        {
            return $"'{local.Spec.Text}' is no TAP device, behind which the host's network stack would be; use local=tap:NAME";
        }
        return Agent.Controllers.Concat(Agent.Listeners).All(target => target.Transport == ConnectionTransport.Unix)
            ? "there is neither a --controller nor a --listen over TCP or TLS" : null;
    }

    public void ReadProcessors(Setting setting)
    {
        var processors = new List<int>();
        foreach (string part in setting.Value.Split(','))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int processor) || processor >= ProcessorAffinity.Limit)
            {
                Refuse(setting, $"'{part}' is not the number of a processor");
                return;
            }
            processors.Add(processor);
        }
        int workers = Datapath.Workers;
        if (processors.Count != workers || processors.Distinct().Count() != workers)
        {
            Refuse(setting, $"'{setting.Value}' does not name a processor of its own for each worker, of which there {(workers == 1 ? "is" : "are")} {workers}");
        }
        Options = Options with { Processors = processors };
    }
}
