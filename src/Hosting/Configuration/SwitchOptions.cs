using System.Net;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Logging;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Configuration;

/// <summary>What a switch is to be: the options of <c>softswitch run</c>, with their defaults.</summary>
public sealed record SwitchOptions
{
    /// <summary>Ports to open at start, no number twice. Text such as <c>1=eth1</c> will do for each.</summary>
    public IReadOnlyList<PortOption> Ports { get; init; } = [];

    /// <summary>NetFPGA cards; each of their interfaces is one of the ports.</summary>
    internal IReadOnlyList<CardOption> Cards { get; init; } = [];

    /// <summary>Each on one of the ports, no two alike.</summary>
    internal IReadOnlyList<QueueOption> Queues { get; init; } = [];

    /// <summary>Null: to be made from the ports.</summary>
    public ulong? DatapathId { get; init; }

    /// <summary>Flows that are there before the first packet: each the name of a file of them, or a flow itself, in ovs-ofctl's words.</summary>
    public IReadOnlyList<string> Flows { get; init; } = [];

    /// <summary>A folder in which flows, port numbers and the datapath id outlast the process; null for none. One switch's at a time.</summary>
    public string? State { get; init; }

    /// <summary>What tools call the switch by: with it, and without <see cref="Control"/>, it can be found by <c>softswitch status NAME</c> and the like. Null: by nothing.</summary>
    public string? Name { get; init; }

    /// <summary>The least that a program's log shows, and what its lines look like.</summary>
    internal LogLevel LogLevel { get; init; } = LogLevel.Information;

    internal LogFormat LogFormat { get; init; }

    /// <summary>Sizes and times. Datapath id and frame memory come from the host, which adds the frames that ports bring.</summary>
    public DatapathOptions Datapath { get; init; } = new();

    /// <summary>Controllers, listeners and what happens without a controller. Credentials and the log come from the host.</summary>
    public AgentOptions Agent { get; init; } = new();

    /// <summary>The Unix socket to take commands at, instead of the one that goes with <see cref="Name"/>.</summary>
    public ConnectionTarget? Control { get; init; }

    /// <summary>Where the program serves its page and metrics; null for nowhere. The library does not.</summary>
    internal IPEndPoint? Web { get; init; }

    /// <summary>The running switch that the program goes on with: its name, or <c>unix:PATH</c>. Null for none.</summary>
    internal string? TakeOver { get; init; }

    /// <summary>Not null if a target needs TLS.</summary>
    public TlsFiles? Tls { get; init; }

    /// <summary>Whether controllers are reached through the switch itself; LOCAL is a TAP device then.</summary>
    public bool InBand { get; init; }

    /// <summary>Whether workers without packets keep looking instead of sleeping.</summary>
    public bool SpinsWhenIdle { get; init; }

    /// <summary>The processor of each worker, in order; empty to leave them to the scheduler.</summary>
    public IReadOnlyList<int> Processors { get; init; } = [];

    /// <summary>Options by their names on the command line and in a configuration file, queues and NetFPGA cards among them.</summary>
    /// <param name="settings">Such as <c>("port", "1=eth1")</c>, <c>("queue", "1:5,min-rate=10M")</c>, <c>("stp", "true")</c>.</param>
    /// <returns>The options, checked.</returns>
    /// <exception cref="OptionException">A line for each setting that is wrong.</exception>
    public static SwitchOptions Parse(params (string Name, string Value)[] settings)
    {
        HashSet<string> known = [.. SwitchOption.All.Where(option => !option.IsForProgram).Select(option => option.Name)];
        string? unknown = settings.Select(setting => setting.Name).FirstOrDefault(name => !known.Contains(name));
        return unknown == null
            ? SwitchOptionsReader.Read([.. settings.Select(setting => new Setting(setting.Name, setting.Value, $"--{setting.Name}"))])
            : throw new OptionException($"--{unknown}: there is no such option; there are {string.Join(", ", known)}");
    }

    /// <summary>Gives ports without a number the lowest free ones, and checks what can only be seen of all options together.</summary>
    /// <exception cref="OptionException">A line for each option that is wrong.</exception>
    internal SwitchOptions Complete()
    {
        List<string> errors = [];
        Dictionary<ushort, PortOption> owners = [];
        foreach (PortOption port in Ports.Where(port => port.Number != 0 && !owners.TryAdd(port.Number, port)))
        {
            errors.Add($"port '{port}': the number belongs to '{owners[port.Number]}'");
        }
        List<PortOption> ports = [.. Ports.Select(port => port.Number == 0 ? port with { Number = TakeLowest(port), IsNumberChosen = true } : port)];
        TunnelOptionsCheck.Run(ports, errors);
        errors.AddRange(Agent.Controllers.Where(target => target.IsPassive)
            .Select(target => $"controller '{target}' is not {ConnectionTarget.ActiveForms}"));
        errors.AddRange(Agent.Listeners.Where(target => !target.IsPassive)
            .Select(target => $"listen '{target}' is not {ConnectionTarget.PassiveForms}"));
        if (Name != null && !ControlSockets.IsName(Name))
        {
            errors.Add($"name: '{Name}' is not {ControlSockets.NameForm}");
        }
        if (Processors.Count != 0 && Processors.Count != Datapath.Workers)
        {
            errors.Add($"cpus: there are {Processors.Count} for {Datapath.Workers} workers");
        }
        return errors.Count == 0 ? this with { Ports = ports } : throw new OptionException(errors);

        ushort TakeLowest(PortOption port)
        {
            ushort number = PortNumber.Lowest(number => !owners.ContainsKey(number)) ?? throw new OptionException($"port '{port}': there is no number left for it");
            owners.Add(number, port);
            return number;
        }
    }
}

/// <summary>The number for a port that is given without one.</summary>
/// <param name="taken">Numbers of others.</param>
/// <returns>Null for the lowest free one.</returns>
internal delegate ushort? PortNumbering(PortSpec spec, IReadOnlyCollection<ushort> taken);

/// <summary>Reads the configuration of a process: at start, and again for each reload.</summary>
/// <param name="numbering">Numbers for ports of the switch of a name, the empty one for the switch that needs none; null at start.</param>
/// <exception cref="OptionException">It cannot be read, or a line for each setting that is wrong.</exception>
internal delegate SwitchGroupOptions ConfigurationSource(Func<string, PortNumbering?>? numbering);
