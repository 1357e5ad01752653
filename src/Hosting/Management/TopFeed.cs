using Softswitch.Hosting.Reports;

namespace Softswitch.Hosting.Management;

/// <summary>Looks at a switch, or at a process of several, again and again. Threads: one at a time; <see cref="Choose"/> any.</summary>
/// <param name="target">As <see cref="ControlSockets.Find"/> gives it.</param>
/// <param name="interval">From one look to the next.</param>
/// <param name="flows">Busiest flows to look for.</param>
internal sealed class TopFeed(string target, TimeSpan interval, int flows)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly object _choosing = new();
    private string? _choice;
    private (string Target, SwitchReport? Switch, GroupReport? Group) _before = (string.Empty, null, null);

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
            return Look(choice == null ? target : ControlSockets.Find(choice));
        }
        catch (OptionException) when (choice != null)
        {
            Choose(null); // it went; the others may be there
            return Look(target);
        }
    }

    private ITopPage Look(string at)
    {
        (SwitchReport? Switch, GroupReport? Group) before = _before.Target == at ? (_before.Switch, _before.Group) : Read(at);
        FlowActivityReport busiest = new(interval.TotalSeconds, []);
        if (before.Switch != null)
        {
            string request = $"{ControlProtocol.BusiestFlows}{flows} {(int)interval.TotalMilliseconds}";
            string json = string.Concat(ControlClient.Ask(at, request, interval + Patience));
            busiest = ControlClient.Parse(at, json, ReportJson.Default.FlowActivityReport);
        }
        else
        {
            lock (_choosing)
            {
                Monitor.Wait(_choosing, interval);
            }
        }
        (SwitchReport? one, GroupReport? several) = Read(at);
        _before = (at, one, several);
        // A process may have got a second switch meanwhile, or lost it.
        return several != null ? new GroupTopPage(before.Group ?? several, several) : new TopPage(before.Switch ?? one!, one!, busiest);
    }

    private static (SwitchReport? Switch, GroupReport? Group) Read(string at)
    {
        (SwitchReport? one, GroupReport? several, _) = ControlClient.ReadAnyReport(at, Patience);
        return (one, several);
    }
}
