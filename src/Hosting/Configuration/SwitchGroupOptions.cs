using System.Net;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Hosting.Logging;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Configuration;

/// <summary>What the switches of a process are to be, and what they share.</summary>
public sealed record SwitchGroupOptions
{
    private static readonly DatapathOptions Default = new();

    /// <summary>
    /// What tools call the process by: <c>softswitch switch list NAME</c>. With it, or with <see cref="Control"/>, they find it, and each of its switches by that one's
    /// name. Null: by nothing.
    /// </summary>
    public string? Name { get; init; }

    /// <summary>Switches to begin with, each with a name of its own. What stands below holds for them, whatever their own options say of it.</summary>
    public IReadOnlyList<SwitchOptions> Switches { get; init; } = [];

    /// <summary>Threads that forward the packets of all switches: 1 to 64.</summary>
    public int Workers { get; init; } = Default.Workers;

    /// <summary>The processor of each worker, in order; empty to leave them to the scheduler.</summary>
    public IReadOnlyList<int> Processors { get; init; } = [];

    /// <summary>Whether workers without packets keep looking instead of sleeping.</summary>
    public bool SpinsWhenIdle { get; init; }

    /// <summary>Frames for all packets under way in all switches.</summary>
    public int FrameCount { get; init; } = Default.FrameCount;

    /// <summary>Bytes of a frame: 2048 or 4096.</summary>
    public int FrameSize { get; init; } = Default.FrameSize;

    /// <summary>The Unix socket to take commands at, instead of the one that goes with <see cref="Name"/>.</summary>
    public ConnectionTarget? Control { get; init; }

    /// <summary>Where the program serves its page and metrics; null for nowhere. The library does not.</summary>
    internal IPEndPoint? Web { get; init; }

    /// <summary>The running switch that the program goes on with, where there is to be one switch: its name, or <c>unix:PATH</c>. Null for none.</summary>
    internal string? TakeOver { get; init; }

    /// <summary>The least that a program's log shows, and what its lines look like.</summary>
    internal LogLevel LogLevel { get; init; } = LogLevel.Information;

    internal LogFormat LogFormat { get; init; }

    /// <summary>Whether these are the options of one switch, which has the process for itself: its name is the process's, and its end by itself the process's end.</summary>
    internal bool IsPlain { get; init; }

    /// <summary>Whether a process without a name goes by one that tells what it is, if that can be had.</summary>
    internal bool IsNamedByDefault { get; init; }

    /// <summary>What holds for each switch that says nothing else of it; those that are added later, too.</summary>
    internal IReadOnlyList<Setting> Defaults { get; init; } = [];

    /// <summary>Where the options came from, to be read again; null where that cannot be done.</summary>
    internal ConfigurationSource? Source { get; init; }

    /// <summary>The process of one switch.</summary>
    internal static SwitchGroupOptions Of(SwitchOptions options) => ForProcess(options) with { IsPlain = true, Switches = [options] };

    /// <summary>What of a switch's options is the process's.</summary>
    internal static SwitchGroupOptions ForProcess(SwitchOptions options) => new()
    {
        Name = options.Name,
        Workers = options.Datapath.Workers,
        Processors = options.Processors,
        SpinsWhenIdle = options.SpinsWhenIdle,
        FrameCount = options.Datapath.FrameCount,
        FrameSize = options.Datapath.FrameSize,
        Control = options.Control,
        Web = options.Web,
        TakeOver = options.TakeOver,
        LogLevel = options.LogLevel,
        LogFormat = options.LogFormat,
    };

    /// <summary>What of the sizes of a datapath is the process's; of a switch that has it for itself, all of them.</summary>
    internal DatapathOptions Sizes => IsPlain ? Switches[0].Datapath : new DatapathOptions { Workers = Workers, FrameCount = FrameCount, FrameSize = FrameSize };

    /// <summary>The process's options, as <see cref="SwitchOption.Show"/> reads them.</summary>
    internal SwitchOptions ForProcess() => Share(new SwitchOptions { Name = Name, Control = Control, Web = Web });

    /// <summary>A switch's options with those of the process.</summary>
    internal SwitchOptions Share(SwitchOptions one) => one with
    {
        Datapath = one.Datapath with { Workers = Workers, FrameCount = FrameCount, FrameSize = FrameSize },
        Processors = Processors,
        SpinsWhenIdle = SpinsWhenIdle,
        LogLevel = LogLevel,
        LogFormat = LogFormat,
    };

    /// <summary>Judges what only all switches together show: names, datapath ids, interfaces.</summary>
    /// <returns>The options, in which all switches have the process's.</returns>
    /// <exception cref="OptionException">A line for each thing that is wrong.</exception>
    internal SwitchGroupOptions Complete()
    {
        List<string> errors = [];
        if (IsPlain)
        {
            return this; // which is its switch's to judge
        }
        if (Name != null && !ControlSockets.IsName(Name))
        {
            errors.Add($"name: '{Name}' is not {ControlSockets.NameForm}");
        }
        if (Processors.Count != 0 && Processors.Count != Workers)
        {
            errors.Add($"cpus: there are {Processors.Count} for {Workers} workers");
        }
        List<SwitchOptions> before = [];
        foreach (SwitchOptions one in Switches)
        {
            errors.AddRange(FindObstacles(one, before));
            before.Add(one);
        }
        return errors.Count > 0 ? throw new OptionException(errors) : this with { Switches = [.. Switches.Select(Share)] };
    }

    /// <summary>Why a switch cannot be beside others, a line for each reason.</summary>
    internal static IEnumerable<string> FindObstacles(SwitchOptions one, IReadOnlyCollection<SwitchOptions> others)
    {
        if (one.Name == null || !ControlSockets.IsName(one.Name))
        {
            yield return $"switch {one.Name ?? "without a name"}: name: is not {ControlSockets.NameForm}";
            yield break;
        }
        foreach (PortOption port in one.Ports.Where(port => port.Spec.Kind == PortKind.Patch).DistinctBy(port => port.Spec.Target))
        {
            if (others.Append(one).Sum(other => other.Ports.Count(end => end.Spec.Kind == PortKind.Patch && end.Spec.Target == port.Spec.Target)) > 2)
            {
                yield return $"switch {one.Name}: port '{port}': the cable has two ends already";
            }
        }
        foreach (SwitchOptions other in others)
        {
            if (one.Name == other.Name)
            {
                yield return $"switch {one.Name}: name: another switch of the process is called that, too";
            }
            if (one.DatapathId is { } id && id == other.DatapathId)
            {
                yield return $"switch {one.Name}: datapath-id: {id:x16} is that of switch {other.Name}";
            }
            foreach (PortOption port in one.Ports.Where(port => port.Spec.IsInterface))
            {
                if (other.Ports.FirstOrDefault(theirs => theirs.Spec.IsInterface && theirs.Spec.Target == port.Spec.Target) is { } owner)
                {
                    yield return $"switch {one.Name}: port '{port}': {port.Spec.Target} belongs to port '{owner}' of switch {other.Name}";
                }
            }
            if (one.State != null && one.State == other.State)
            {
                yield return $"switch {one.Name}: state: {one.State} is that of switch {other.Name}";
            }
        }
    }
}
