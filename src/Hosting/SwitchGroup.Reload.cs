using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Processes;

namespace Softswitch.Hosting;

/// <content>Its configuration, which is read again on demand.</content>
public sealed partial class SwitchGroup
{
    private readonly Lock _reloading = new(); // taken before all others
    private IReadOnlyList<string> _pending = [];

    /// <summary>Told of reloads; null for nobody.</summary>
    internal ServiceManager? Manager { get; set; }

    /// <summary>Judges options without opening anything.</summary>
    /// <param name="withFlows">Whether the flows to begin with are read, too.</param>
    /// <returns>The options, with a number for every port.</returns>
    /// <exception cref="OptionException">A line for each that is wrong.</exception>
    internal static SwitchGroupOptions Check(SwitchGroupOptions options, bool withFlows = false)
    {
        options = options.Complete();
        List<string> errors = [];
        List<SwitchOptions> good = [];
        foreach (SwitchOptions one in options.Switches)
        {
            try
            {
                good.Add(SwitchHost.Check(one, withFlows));
            }
            catch (OptionException e)
            {
                errors.AddRange(e.Message.Split('\n').Select(line => options.IsPlain ? line : $"switch {one.Name}: {line}"));
            }
        }
        return errors.Count == 0 ? options with { Switches = good } : throw new OptionException(errors);
    }

    /// <summary>The configuration in force as a file.</summary>
    /// <param name="all">Defaults, too, instead of in comments.</param>
    /// <param name="name">Only this switch; null for all.</param>
    /// <exception cref="OptionException">There is no such switch.</exception>
    internal IReadOnlyList<string> DescribeOptions(bool all, string? name = null)
    {
        bool isAlone = HasOneSwitch;
        if (isAlone || name != null)
        {
            SwitchHost one = name == null ? FindOnly() : FindRunning(name);
            return ConfigurationText.Lines(ReadOptions(one), [.. isAlone ? _pending : [], .. one.Pending], all);
        }
        GroupMember[] members;
        lock (_lock)
        {
            members = [.. _members];
        }
        List<string> lines = [.. ConfigurationText.Lines((_options with { Name = Name }).ForProcess(), _pending, all, option => option.Scope is OptionScope.Process or OptionScope.Each)];
        lines.Add(members.Length == 0 ? $"{FileSettings.SwitchesKey}: []" : $"{FileSettings.SwitchesKey}:");
        foreach (GroupMember member in members)
        {
            lines.Add($"  - name: {ConfigurationText.Quote(member.Name)}");
            lines.AddRange(member.Failure == null ? [] : [$"    # failed: {member.Failure}"]);
            lines.AddRange(ConfigurationText.Lines(member.ReadOptions(), member.Host?.Pending ?? [], all, option => option.Scope is OptionScope.Switch or OptionScope.OneSwitch)
                .Select(line => $"    {line}"));
        }
        return lines;
    }

    /// <summary>What is in force for a switch, the process's options among it.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal SwitchOptions ReadOptions(SwitchHost host) => _options.Share(host.ReadOptions());

    /// <summary>Reads the configuration again and applies what has changed: of each switch all or nothing. One at a time.</summary>
    /// <param name="cause">Who asks for it, for the log.</param>
    /// <returns>A line for each change, and for each that takes a new start.</returns>
    /// <exception cref="OptionException">
    /// A line for each thing that is wrong, for the caller to tell the log; where the file is, nothing was done. Where a switch cannot be
    /// changed or started, the lines say what was done besides.
    /// </exception>
    internal IReadOnlyList<string> Reload(string cause)
    {
        Manager?.Reloading();
        try
        {
            lock (_reloading)
            {
                ObjectDisposedException.ThrowIf(_isDisposed, this);
                return ReadAndApply(cause);
            }
        }
        finally
        {
            Manager?.Ready();
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
            errors.AddRange([.. SwitchHost.ReasonsOf(e), "nothing was changed"]);
        }
        report.ForEach(line => HostLog.News(_log, $"{cause}: {line}"));
        if (errors.Count > 0)
        {
            throw new OptionException([.. errors, .. report.Select(line => $"done: {line}")]);
        }
        string[] pending = [.. _pending, .. Switches.SelectMany(host => host.Pending.Select(line => $"{LabelOf(host.Name)}{line}"))];
        foreach (string line in pending)
        {
            HostLog.Warn(_log, $"{cause}: {line}");
        }
        return report.Count + pending.Length > 0 ? [.. report, .. pending] : ["nothing has changed"];
    }

    /// <summary>What begins a line of one switch where there are, or were, others.</summary>
    private string LabelOf(string name) => _hadSeveral ? $"switch {name}: " : string.Empty;

    /// <exception cref="OptionException">The file is wrong, and nothing was done.</exception>
    private void Reconfigure(List<string> report, List<string> errors)
    {
        SwitchHost? alone = HasOneSwitch ? FindOfFile(string.Empty) : null;
        alone?.BeginChange(); // only a switch that is alone is handed over
        try
        {
            ReconfigureAll(report, errors);
        }
        finally
        {
            alone?.EndChange();
        }
    }

    private void ReconfigureAll(List<string> report, List<string> errors)
    {
        ConfigurationSource source = _options.Source ?? throw new OptionException("there is no file to read again: the switch was started without --config");
        SwitchGroupOptions wanted = Check(source(name => FindOfFile(name) is { } host ? host.Ports.NumberFor : null));
        if (wanted.IsPlain != _options.IsPlain)
        {
            throw new OptionException($"the file has {(wanted.IsPlain ? $"no {FileSettings.SwitchesKey}: any more" : $"{FileSettings.SwitchesKey}: now")}; that takes a new start");
        }
        if (wanted.IsPlain)
        {
            SwitchHost host = FindOfFile(string.Empty) ?? throw new OptionException("the switch that the process was started for does not run any more");
            wanted = wanted with { Switches = [wanted.Switches[0] with { Name = host.Name }] };
        }
        GroupMember[] members;
        lock (_lock)
        {
            members = [.. _members];
        }
        string[] taken = [.. wanted.Switches.Where(one => members.Any(member => member.Name == one.Name && member.IsByHand)).Select(one => one.Name!)];
        if (taken.Length > 0)
        {
            throw new OptionException([.. taken.Select(name => $"switch {name}: was added by hand (softswitch switch del {name} removes it)")]);
        }

        // Interfaces and names become free first. A switch whose change waits for another's is tried again after that one's.
        foreach (GroupMember gone in members.Where(member => !member.IsByHand && !wanted.Switches.Any(one => one.Name == member.Name)))
        {
            Remove(gone.Name);
            report.Add($"switch {gone.Name}: removed");
        }
        List<SwitchOptions> changed = [.. wanted.Switches.Where(one => Find(one.Name!) != null)];
        List<string> failures = [];
        for (int before = int.MaxValue; changed.Count > 0 && changed.Count < before;)
        {
            before = changed.Count;
            failures.Clear();
            changed.RemoveAll(one => TryReconfigure(one, report, failures));
        }
        errors.AddRange(failures);
        GroupMember[] fresh = [.. wanted.Switches.Where(one => !wanted.IsPlain && Find(one.Name!) == null).Select(one => Reserve(wanted.Share(one), isByHand: false))];
        foreach ((GroupMember member, Exception? failure) in fresh.Zip(StartMembers(fresh, null)))
        {
            (failure == null ? report : errors).Add($"switch {member.Name}: {(failure == null ? "added" : Reasons(failure))}");
        }
        if (fresh.Length > 0)
        {
            RaiseChanged();
        }
        if (errors.Count == 0)
        {
            ReconfigureProcess(wanted, report);
        }
    }

    /// <param name="name">Empty for the switch that the process was started for.</param>
    private SwitchHost? FindOfFile(string name)
    {
        lock (_lock)
        {
            return _members.Find(member => name.Length == 0 ? !member.IsByHand : member.Name == name)?.Host;
        }
    }

    private bool TryReconfigure(SwitchOptions wanted, List<string> report, List<string> failures)
    {
        try
        {
            report.AddRange((Find(wanted.Name!)?.Reconfigure(wanted) ?? []).Select(line => $"{LabelOf(wanted.Name!)}{line}"));
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
        report.AddRange(shared.Where(option => option.OnReload != null).SelectMany(option => SwitchHost.Compare(option, before, after)));
        _pending = [.. shared.Where(option => option.OnReload == null).SelectMany(option => SwitchHost.Compare(option, before, after)).Select(line => $"{line} needs a new start")];
        (_log as StreamLog)?.Show(wanted.LogFormat, wanted.LogLevel); // a program's own log has a level of its own
        _options = _options with { Defaults = wanted.Defaults, LogFormat = wanted.LogFormat, LogLevel = wanted.LogLevel, Switches = wanted.Switches };
    }
}
