using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;

namespace Softswitch.Hosting.Management;

/// <summary>Looks at a switch, or at a process of several, again and again. Threads: one at a time; <see cref="Choose"/> any.</summary>
/// <param name="target">
/// As for <see cref="ControlSockets.Find"/>. A switch's name is that switch to begin with, also where its process is called by it.
/// </param>
/// <param name="interval">From one look to the next.</param>
/// <param name="flows">Busiest flows to look for.</param>
internal sealed class TopFeed(string? target, TimeSpan interval, int flows)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string _path = ControlSockets.Find(target);
    private readonly object _choosing = new();
    private string? _choice;
    private bool _isFirst = true;
    private (string? Choice, SwitchReport? Switch, GroupReport? Group) _before = (null, null, null);

    /// <summary>From here on looks at one switch of the process, or at the process again.</summary>
    /// <param name="name">Null for the process.</param>
    public void Choose(string? name)
    {
        lock (_choosing)
        {
            _choice = name;
            Monitor.Pulse(_choosing);
        }
    }

    /// <summary>Takes an interval, or less when something else is chosen meanwhile.</summary>
    /// <exception cref="OptionException">The switch does not answer, or has ended.</exception>
    public ITopPage Next()
    {
        string? choice = Volatile.Read(ref _choice);
        try
        {
            return Look(choice);
        }
        catch (OptionException) when (choice != null)
        {
            Choose(null); // it went; the others may be there
            return Look(null);
        }
    }

    private ITopPage Look(string? choice)
    {
        bool isSame = _before.Choice == choice && (_before.Switch != null || _before.Group != null);
        (SwitchReport? Switch, GroupReport? Group) before = isSame ? (_before.Switch, _before.Group) : Read(choice);
        if (_isFirst && before.Group?.Switches.Any(one => one.Name == target) == true)
        {
            _choice = choice = target;
            before = Read(choice);
        }
        _isFirst = false;
        FlowActivityReport busiest = new(interval.TotalSeconds, []);
        if (before.Switch != null)
        {
            string json = ManagementClient.Ask(_path, ManagementRequest.BusiestFlows(flows, interval).ForSwitch(choice), interval + Patience);
            busiest = ManagementClient.Parse(_path, json, ReportJson.Default.FlowActivityReport);
        }
        else
        {
            lock (_choosing)
            {
                Monitor.Wait(_choosing, interval);
            }
        }
        (SwitchReport? one, GroupReport? several) = Read(choice);
        _before = (choice, one, several);
        // A process may have got a second switch meanwhile, or lost it.
        return several != null ? new GroupTopPage(before.Group ?? several, several) : new TopPage(before.Switch ?? one!, one!, busiest);
    }

    private (SwitchReport? Switch, GroupReport? Group) Read(string? choice)
    {
        (SwitchReport? one, GroupReport? several, _) = ManagementClient.ReadAnyReport(_path, Patience, choice);
        return (one, several);
    }
}
