using Softswitch.Hosting;
using Softswitch.Hosting.Reports;

namespace Softswitch.Web;

/// <summary>The switches that are shown: one that stands alone, or those of a process, which come and go. Threads: any.</summary>
internal sealed class ServedSwitches
{
    private readonly Func<IReadOnlyList<SwitchHost>> _all;
    private readonly Func<int> _count;
    private readonly Func<GroupReport> _read;

    public ServedSwitches(SwitchHost alone)
    {
        _all = () => [alone];
        _count = () => 1;
        _read = () => ReadReport(alone);
    }

    public ServedSwitches(SwitchGroup group)
    {
        _all = () => group.Switches;
        _count = () => group.Count;
        _read = group.ReadReport;
    }

    /// <summary>Those that run now.</summary>
    public IReadOnlyList<SwitchHost> All => _all();

    /// <summary>The only one; null while there are none or several, those that failed or are being started counted.</summary>
    public SwitchHost? Alone => _count() == 1 && All is [var one] ? one : null;

    /// <summary>Null if there is none of that name.</summary>
    public SwitchHost? Find(string name) => All.FirstOrDefault(host => host.Name == name);

    /// <summary>Figures of all of them.</summary>
    public GroupReport ReadReport() => _read();

    /// <summary>The same of one.</summary>
    public static GroupReport ReadReport(SwitchHost host) => SwitchGroup.ReadReport(host.Name, host.Control.Uptime, [host], []);
}
