using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;

namespace Softswitch.Hosting;

/// <summary>A switch of a group, from the moment it is asked for. Its group's lock guards what changes.</summary>
internal sealed class GroupMember(SwitchGroup group, SwitchOptions options, bool isByHand)
{
    public SwitchGroup Group => group;

    /// <summary>Empty where a switch that is alone has not been called anything yet.</summary>
    public string Name { get; set; } = options.Name ?? string.Empty;

    /// <summary>As they were asked for.</summary>
    public SwitchOptions Options => options;

    /// <summary>Whether it was added to a running process: no configuration has it.</summary>
    public bool IsByHand => isByHand;

    /// <summary>Null until it is known.</summary>
    public ulong? DatapathId { get; set; } = options.DatapathId;

    /// <summary>Null until it forwards, and once it has failed.</summary>
    public SwitchHost? Host { get; set; }

    /// <summary>Why it does not run any more, or never did; null while it does.</summary>
    public string? Failure { get; set; }

    public bool IsEnding { get; set; }

    /// <summary>What it is now, where it does not run. With the group's lock.</summary>
    public SwitchSummary Describe() => SwitchSummary.Without(
        Name, DatapathId is { } id ? $"{id:x16}" : string.Empty,
        Failure != null ? SwitchSummary.Failed : IsEnding ? SwitchSummary.Ending : SwitchSummary.Starting, Failure);

    /// <summary>What it has by now, with ports that were added to it; to find what another cannot have.</summary>
    public SwitchOptions ReadOptions()
    {
        SwitchOptions now = options;
        try
        {
            now = Host?.Configuration.ReadOptions() ?? options;
        }
        catch (ObjectDisposedException)
        {
            // what it had to begin with, then
        }
        return now with { Name = Name, DatapathId = DatapathId };
    }
}
