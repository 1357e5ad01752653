using Softswitch.Hosting.Reports;

namespace Softswitch.Hosting.Management;

/// <summary>Looks at a switch again and again. Threads: one at a time.</summary>
/// <param name="target">As <see cref="ControlSockets.Find"/> gives it.</param>
/// <param name="interval">From one look to the next.</param>
/// <param name="flows">Busiest flows to look for.</param>
internal sealed class TopFeed(string target, TimeSpan interval, int flows)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private SwitchReport? _before;

    /// <summary>Takes an interval.</summary>
    /// <exception cref="OptionException">The switch does not answer, or has ended.</exception>
    public TopPage Next()
    {
        SwitchReport before = _before ?? ControlClient.ReadReport(target, Patience).Report;
        string request = $"{ControlProtocol.BusiestFlows}{flows} {(int)interval.TotalMilliseconds}";
        string json = string.Concat(ControlClient.Ask(target, request, interval + Patience));
        _before = ControlClient.ReadReport(target, Patience).Report;
        return new TopPage(before, _before, ControlClient.Parse(target, json, ReportJson.Default.FlowActivityReport));
    }
}
