using Microsoft.Extensions.Logging;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Reloading;

namespace Softswitch.Hosting;

/// <summary>The configuration of a process, which is shown, and read again on demand. Threads: any.</summary>
internal sealed class GroupConfiguration(SwitchGroup group, SwitchGroupOptions options, MemberList members, ILogger log)
{
    private readonly Lock _reloading = new(); // taken before all others
    private volatile SwitchGroupOptions _options = options;
    private IReadOnlyList<string> _pending = [];

    /// <summary>Those in force.</summary>
    public SwitchGroupOptions Options => _options;

    /// <summary>Judges options without opening anything.</summary>
    /// <param name="withFlows">Whether the flows to begin with are read, too.</param>
    /// <returns>The options, with a number for every port.</returns>
    /// <exception cref="OptionException">A line for each that is wrong.</exception>
    public static SwitchGroupOptions Check(SwitchGroupOptions options, bool withFlows = false)
    {
        options = options.Complete();
        List<string> errors = [];
        List<SwitchOptions> good = [];
        foreach (SwitchOptions one in options.Switches)
        {
            try
            {
                good.Add(SwitchOptionsCheck.Check(one, withFlows));
            }
            catch (OptionException e)
            {
                errors.AddRange(e.Message.Split('\n').Select(line => options.IsPlain ? line : $"switch {one.Name}: {line}"));
            }
        }
        return errors.Count == 0 ? options with { Switches = good } : throw new OptionException(errors);
    }

    /// <summary>The configuration in force as a file.</summary>
    /// <param name="withDefaults">Defaults, too, instead of in comments.</param>
    /// <param name="name">Only this switch; null for all.</param>
    /// <exception cref="OptionException">There is no such switch.</exception>
    public IReadOnlyList<string> Describe(bool withDefaults, string? name = null)
    {
        bool isAlone = members.HasOneSwitch;
        if (isAlone || name != null)
        {
            SwitchHost one = name == null ? members.FindOnly(group.Name) : members.FindRunning(name);
            return ConfigurationText.Lines(ReadOptions(one), [.. isAlone ? _pending : [], .. one.Configuration.Pending], withDefaults);
        }
        GroupMember[] all = members.All;
        List<string> lines = [.. ConfigurationText.Lines((_options with { Name = group.Name }).ForProcess(), _pending, withDefaults, option => option.Scope is OptionScope.Process or OptionScope.Each)];
        lines.Add(all.Length == 0 ? $"{FileSettings.SwitchesKey}: []" : $"{FileSettings.SwitchesKey}:");
        foreach (GroupMember member in all)
        {
            lines.Add($"  - name: {ConfigurationText.Quote(member.Name)}");
            lines.AddRange(member.Failure == null ? [] : [$"    # failed: {member.Failure}"]);
            lines.AddRange(ConfigurationText.Lines(member.ReadOptions(), member.Host?.Configuration.Pending ?? [], withDefaults, option => option.Scope is OptionScope.Switch or OptionScope.OneSwitch)
                .Select(line => $"    {line}"));
        }
        return lines;
    }

    /// <summary>What is in force for a switch, the process's options among it.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public SwitchOptions ReadOptions(SwitchHost host) => _options.Share(host.Configuration.ReadOptions());

    /// <summary>Reads the configuration again and applies what has changed: of each switch all or nothing. One at a time.</summary>
    /// <param name="cause">Who asks for it, for the log.</param>
    /// <returns>A line for each change, and for each that takes a new start.</returns>
    /// <exception cref="OptionException">
    /// A line for each thing that is wrong, for the caller to tell the log; where the file is, nothing was done. Where a switch cannot be
    /// changed or started, the lines say what was done besides.
    /// </exception>
    public IReadOnlyList<string> Reload(string cause)
    {
        lock (_reloading)
        {
            ObjectDisposedException.ThrowIf(members.IsClosed, group);
            return ReadAndApply(cause);
        }
    }

    private IReadOnlyList<string> ReadAndApply(string cause)
    {
        List<string> report = [];
        List<string> errors = [];
        try
        {
            Reconfigure(report, errors);
        }
#pragma warning disable CA1031 // whatever it is, the switches go on as they were
        catch (Exception e) when (e is not ObjectDisposedException)
#pragma warning restore CA1031
        {
            errors.AddRange([.. Reconfiguration.ReasonsOf(e), "nothing was changed"]);
        }
        report.ForEach(line => HostLog.News(log, $"{cause}: {line}"));
        if (errors.Count > 0)
        {
            throw new OptionException([.. errors, .. report.Select(line => $"done: {line}")]);
        }
        string[] pending = [.. _pending, .. members.Running.SelectMany(host => host.Configuration.Pending.Select(line => $"{LabelOf(host.Name)}{line}"))];
        foreach (string line in pending)
        {
            HostLog.Warn(log, $"{cause}: {line}");
        }
        return report.Count + pending.Length > 0 ? [.. report, .. pending] : ["nothing has changed"];
    }

    /// <summary>What begins a line on one switch.</summary>
    private string LabelOf(string name) => members.LabelOf(name) is { } label ? $"switch {label}: " : string.Empty;

    /// <exception cref="OptionException">The file is wrong, and nothing was done.</exception>
    private void Reconfigure(List<string> report, List<string> errors)
    {
        SwitchHost? alone = members.HasOneSwitch ? members.FindOfFile(string.Empty) : null;
        alone?.Changes.Enter(); // only a switch that is alone is handed over
        try
        {
            ReconfigureAll(report, errors);
        }
        finally
        {
            alone?.Changes.Exit();
        }
    }

    private void ReconfigureAll(List<string> report, List<string> errors)
    {
        ConfigurationSource source = _options.Source ?? throw new OptionException("there is no file to read again: the switch was started without --config");
        SwitchGroupOptions wanted = Check(source(name => members.FindOfFile(name) is { } host ? host.Ports.NumberFor : null));
        if (wanted.IsPlain != _options.IsPlain)
        {
            throw new OptionException($"the file has {(wanted.IsPlain ? $"no {FileSettings.SwitchesKey}: any more" : $"{FileSettings.SwitchesKey}: now")}; that takes a new start");
        }
        if (wanted.IsPlain)
        {
            SwitchHost host = members.FindOfFile(string.Empty) ?? throw new OptionException("the switch that the process was started for does not run any more");
            wanted = wanted with { Switches = [wanted.Switches[0] with { Name = host.Name }] };
        }
        GroupMember[] before = members.All;
        string[] taken = [.. wanted.Switches.Where(one => before.Any(member => member.Name == one.Name && member.IsByHand)).Select(one => one.Name!)];
        if (taken.Length > 0)
        {
            throw new OptionException([.. taken.Select(name => $"switch {name}: was added by hand (softswitch switch del {name} removes it)")]);
        }

        // Interfaces and names become free first. A switch whose change waits for another's is tried again after that one's.
        foreach (GroupMember gone in before.Where(member => !member.IsByHand && !wanted.Switches.Any(one => one.Name == member.Name)))
        {
            group.Remove(gone.Name);
            report.Add($"switch {gone.Name}: removed");
        }
        List<SwitchOptions> changed = [.. wanted.Switches.Where(one => members.Find(one.Name!) != null)];
        List<string> failures = [];
        for (int left = int.MaxValue; changed.Count > 0 && changed.Count < left;)
        {
            left = changed.Count;
            failures.Clear();
            changed.RemoveAll(one => TryReconfigure(one, report, failures));
        }
        errors.AddRange(failures);
        SwitchOptions[] fresh = [.. wanted.Switches.Where(one => !wanted.IsPlain && members.Find(one.Name!) == null).Select(wanted.Share)];
        foreach ((string name, string? failure) in group.StartMore(fresh))
        {
            (failure == null ? report : errors).Add($"switch {name}: {failure ?? "added"}");
        }
        if (errors.Count == 0)
        {
            ReconfigureProcess(wanted, report);
        }
    }

    private bool TryReconfigure(SwitchOptions wanted, List<string> report, List<string> failures)
    {
        try
        {
            report.AddRange((members.Find(wanted.Name!)?.Configuration.Reconfigure(wanted) ?? []).Select(line => $"{LabelOf(wanted.Name!)}{line}"));
            return true;
        }
        catch (ObjectDisposedException)
        {
            return true; // it failed meanwhile, or was removed
        }
        catch (OptionException e)
        {
            failures.AddRange(e.Message.Split('\n').Select(line => $"{LabelOf(wanted.Name!)}{line}"));
            return false;
        }
    }

    private void ReconfigureProcess(SwitchGroupOptions wanted, List<string> report)
    {
        SwitchOption[] shared = [.. SwitchOption.All.Where(option => option.Scope is OptionScope.Process or OptionScope.Each)];
        (SwitchOptions before, SwitchOptions after) = (_options.ForProcess(), wanted.ForProcess());
        report.AddRange(OptionChanges.Done(shared, before, after));
        _pending = [.. OptionChanges.Pending(shared, before, after)];
        (log as StreamLog)?.Show(wanted.LogFormat, wanted.LogLevel); // a program's own log has a level of its own
        _options = _options with { Defaults = wanted.Defaults, LogFormat = wanted.LogFormat, LogLevel = wanted.LogLevel, Switches = wanted.Switches };
    }
}
