using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Processes;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.TakeOver;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports;

namespace Softswitch.Hosting;

/// <summary>The switches of a process: each a <see cref="SwitchHost"/>, and what they share. Disposing ends them all.</summary>
/// <remarks>
/// A switch that fails ends alone: the log says why, others go on. Those that cannot be started leave nothing.
/// <para>
/// Threads: every member may be used by any, but for handlers of a switch's events, which may begin the end of a switch and not wait for it.
/// Ports and sockets belong to the network namespace of the thread that calls <c>Start</c>; whoever adds a switch is in the same.
/// </para>
/// </remarks>
public sealed class SwitchGroup : IDisposable, IAsyncDisposable
{
    private const string DefaultName = "softswitch";
    internal const int StartThreads = 4; // most of a start is waiting for the kernel

    private readonly MemberList _members;
    private readonly MemberStarter _starter;
    private readonly GroupConfiguration _configuration;
    private readonly CancellationTokenSource _failed = new();
    private readonly CancellationTokenSource _given = new();
    private readonly Action<string> _say;
    private readonly ILogger _log;
    private readonly long _began = Stopwatch.GetTimestamp();
    private volatile bool _endsWithSwitch;

    private SwitchGroup(SwitchGroupOptions options, Action<string> say, ILogger log, HandoverTarget? taker)
    {
        _say = say;
        _log = log;
        _members = new MemberList(options.IsPlain);
        _starter = new MemberStarter(this, _members, log);
        _configuration = new GroupConfiguration(this, options, _members, log);
        Name = options.Name;
        Resources = new SwitchResources(options, taker);
    }

    /// <summary>A switch came, went or failed. Called by the thread that did it, and not to be kept waiting.</summary>
    public event Action? SwitchesChanged;

    /// <summary>What tools call the process by; null for nothing.</summary>
    public string? Name { get; private set; }

    /// <summary>The switches that run, in the order in which they were asked for.</summary>
    public IReadOnlyList<SwitchHost> Switches => _members.Running;

    /// <summary>The only switch; null while there are none or several, those that failed or are being started counted.</summary>
    internal SwitchHost? Alone => _members.All is [{ IsEnding: false, Host: { } one }] ? one : null;

    /// <summary>What is told of tools.</summary>
    internal ILogger Log => _log;

    /// <summary>Told of reloads; null for nobody.</summary>
    internal ServiceManager? Manager { get; set; }

    internal SwitchResources Resources { get; }

    /// <summary>Null where tools do not find the process.</summary>
    internal ProcessSocket? Socket { get; private set; }

    /// <summary>Cancelled when the switch that has the process for itself has failed; <see cref="ThrowIfFailed"/> then says why.</summary>
    internal CancellationToken Failed => _failed.Token;

    /// <summary>Cancelled when another process goes on with that switch: what is left is to end this one, without <see cref="Dispose"/>.</summary>
    internal CancellationToken Given => _given.Token;

    /// <summary>Starts switches, some at a time. One that cannot be started is left out, which the log says, unless all of them are.</summary>
    /// <param name="options">What to start; no switch at all will do.</param>
    /// <param name="log">Takes a line for people for each thing that is open and for each event, on any thread; null for nobody. Lines name the switch.</param>
    /// <exception cref="OptionException">An option is wrong, or no switch can be started; nothing is left open then.</exception>
    /// <exception cref="PortException">The only switch has a port that cannot be opened; as above.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number of the options is out of its range.</exception>
    public static SwitchGroup Start(SwitchGroupOptions options, Action<string>? log = null) =>
        Start(options, log ?? (static _ => { }), log == null ? NullLogger.Instance : new LineLogger(log));

    /// <summary>The same, with a log that has levels and fields, <c>Switch</c> among them.</summary>
    /// <param name="options">What to start.</param>
    /// <param name="log">Told of each event, on any thread, sometimes by one that others wait for: it must not block. What is open is told at level Information.</param>
    /// <exception cref="OptionException">As above.</exception>
    /// <exception cref="PortException">As above.</exception>
    /// <exception cref="ArgumentOutOfRangeException">As above.</exception>
    public static SwitchGroup Start(SwitchGroupOptions options, ILogger log) => Start(options, line => HostLog.News(log, line), log);

    /// <summary>The same, with a place of its own for what is open.</summary>
    /// <param name="say">Takes a line for each thing that is open.</param>
    /// <param name="taker">What to go on with of a running switch; null for a fresh one. Stays the caller's.</param>
    internal static SwitchGroup Start(SwitchGroupOptions options, Action<string> say, ILogger log, HandoverTarget? taker = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        SwitchGroup group = new(options.Complete(), say, log, taker);
        try
        {
            group.StartAll(taker);
            return group;
        }
        catch
        {
            group.Dispose();
            throw;
        }
    }

    /// <summary>A switch that a program has for itself: it ends with its group, and its group with it.</summary>
    internal static SwitchHost StartAlone(SwitchOptions options, Action<string> say, ILogger log)
    {
        ArgumentNullException.ThrowIfNull(options);
        SwitchGroup group = Start(SwitchGroupOptions.Of(options), say, log);
        group._endsWithSwitch = true;
        return group.Switches[0];
    }

    /// <summary>Starts one more switch; it forwards when this returns.</summary>
    /// <param name="options">With a name that no other has. Workers, processors and frames are the group's.</param>
    /// <exception cref="OptionException">An option is wrong, another switch has its name, datapath id or interface, or something cannot be opened. Nothing is left open then.</exception>
    /// <exception cref="PortException">A port cannot be opened, for the reason given; as above.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number of the options is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The group has ended.</exception>
    public SwitchHost Add(SwitchOptions options) => Add(options, _say);

    /// <summary>Ends a switch, or forgets one that failed. Its interfaces are as they were found when this returns.</summary>
    /// <exception cref="OptionException">There is no such switch; the message names it and those there are.</exception>
    public void Remove(string name)
    {
        if (_members.BeginEnd(name) is { } host)
        {
            host.Dispose();
            return;
        }
        Socket?.Unlink(name);
        RaiseChanged();
    }

    /// <returns>The switch of that name; null if none runs.</returns>
    public SwitchHost? Find(string name) => _members.Find(name);

    /// <summary>Ends all switches, some at a time: interfaces are as they were found. Done again, it does nothing. Not from a handler of a switch.</summary>
    public void Dispose()
    {
        if (_members.Close() is { } hosts)
        {
            Socket?.Dispose();
            ParallelThreads.ForEach(hosts, StartThreads, host => host.Dispose());
            Resources.Dispose();
        }
    }

    /// <summary>The same on another thread. A handler may begin it, but not wait for it.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    /// <summary>A socket that the program listens by, to be handed over with the switch that has the process for itself.</summary>
    /// <param name="label">What a taker with the same options asks for it by.</param>
    internal void AddListener(string label, ListeningSocket listener) => Alone?.Handover.AddListener(label, listener);

    /// <summary>Throws what ended the switch that has the process for itself, if <see cref="Failed"/> was cancelled.</summary>
    /// <exception cref="InvalidOperationException">It says which thread ended, and why.</exception>
    internal void ThrowIfFailed()
    {
        if (_failed.IsCancellationRequested)
        {
            Switches[0].ThrowIfFailed();
        }
    }

    /// <summary>All switches, behind those that run the others.</summary>
    internal GroupReport ReadReport()
    {
        (IReadOnlyList<SwitchHost> running, IReadOnlyList<SwitchSummary> others) = _members.Read();
        return ProcessReading.Take(Name, Stopwatch.GetElapsedTime(_began), running, others);
    }

    /// <summary>The switch that is meant where none is named: the only one, or the one that the process is called by.</summary>
    /// <exception cref="OptionException">There is none, or the message lists those there are.</exception>
    internal SwitchHost FindOnly() => _members.FindOnly(Name);

    /// <summary>Why <see cref="Find"/> has nothing for a name.</summary>
    internal string WhyNot(string name) => _members.WhyNot(name);

    /// <summary>Has tools served at the control socket, if there is one, by threads of the calling one's network namespace.</summary>
    /// <param name="make">Makes the server, when the first tool comes.</param>
    internal void Serve(Func<IConnectionServer> make) => Socket?.Serve(make);

    /// <summary>Starts one more switch, as a tool asks for it; it forwards when this returns.</summary>
    /// <param name="json">An object: names of options of <c>run</c> with a text or a list of texts.</param>
    /// <returns>What it has open.</returns>
    /// <exception cref="OptionException">A line for each option that is wrong, or for what cannot be had.</exception>
    internal IReadOnlyList<string> AddForTool(string json)
    {
        CheckTakesTools();
        List<string> said = [];
        Add(GroupOptionsReader.ReadAdded(_configuration.Options, json), said.Add);
        said.ForEach(line => HostLog.News(_log, line));
        return said;
    }

    /// <summary>Ends a switch, as a tool asks for it.</summary>
    /// <exception cref="OptionException">There is no such switch.</exception>
    internal IReadOnlyList<string> RemoveForTool(string name)
    {
        CheckTakesTools();
        Remove(name);
        HostLog.News(_log, $"switch {name}: removed");
        return [$"switch {name}: removed"];
    }

    /// <summary>As <see cref="GroupConfiguration.Describe"/>.</summary>
    internal IReadOnlyList<string> DescribeOptions(bool all, string? name = null) => _configuration.Describe(all, name);

    /// <summary>As <see cref="GroupConfiguration.ReadOptions"/>.</summary>
    internal SwitchOptions ReadOptions(SwitchHost host) => _configuration.ReadOptions(host);

    /// <summary>As <see cref="GroupConfiguration.Reload"/>.</summary>
    internal IReadOnlyList<string> Reload(string cause)
    {
        Manager?.Reloading();
        try
        {
            return _configuration.Reload(cause);
        }
        finally
        {
            Manager?.Ready();
        }
    }

    /// <summary>Has another process, which asks for the switch that has this one for itself, go on with it.</summary>
    /// <param name="version">Of the protocol by which that process takes over.</param>
    /// <exception cref="OptionException">There is no switch, or another one besides; or as <see cref="SwitchHandover.Begin"/>.</exception>
    internal void BeginHandOver(string version) => _members.FindAlone().Handover.Begin(version);

    /// <summary>Holds what cannot be together with a switch that changes processes.</summary>
    /// <exception cref="OptionException">The switch is not alone in its process, or changes processes already.</exception>
    internal void SetHandingOver(bool isUnderWay) => _members.SetHandingOver(isUnderWay);

    /// <exception cref="OptionException">As <see cref="SetHandingOver"/>.</exception>
    internal void CheckHandOver() => _members.CheckHandOver();

    /// <summary>The switch is another process's.</summary>
    /// <param name="process">The other.</param>
    internal void OnHandedOver(int process)
    {
        Manager?.HandedOver(process);
        _given.Cancel();
    }

    /// <summary>The threads of all switches, with a number for each as <see cref="SwitchParts.ReadProgress"/> has it.</summary>
    internal IReadOnlyList<(string Thread, long Turns)> ReadProgress() =>
        [.. from host in Switches
            let of = _members.LabelOf(host.Name) is { } label ? $" of switch {label}" : string.Empty
            from one in host.ReadProgress()
            select (one.Thread + of, one.Turns)];

    /// <summary>One line: <c>4 ports, 3 up; 1 of 2 controllers connected</c>, or <c>3 switches, 1 failed</c>.</summary>
    /// <exception cref="ObjectDisposedException">The process ends.</exception>
    internal string DescribeForService()
    {
        ObjectDisposedException.ThrowIf(_members.IsClosed, this);
        if (_members.HasOneSwitch)
        {
            return Switches is [var one] ? one.Reader.DescribeState() : string.Empty;
        }
        GroupMember[] all = _members.All;
        int failed = all.Count(member => member.Failure != null);
        return $"{all.Length} switches{(failed > 0 ? $", {failed} failed" : string.Empty)}";
    }

    /// <summary>A switch is known by its datapath id now, and is to be by its name.</summary>
    /// <returns>Its name.</returns>
    /// <exception cref="OptionException">Another has its datapath id, or tools know another by its name.</exception>
    internal string Enlist(GroupMember member, ulong datapathId, string name, HandoverTarget? taker)
    {
        _members.Identify(member, datapathId);
        SwitchGroupOptions options = _configuration.Options;
        if (_members.HasOneSwitch)
        {
            Socket = ProcessSocket.Open(options.Control, options.Name, options.IsNamedByDefault ? name : null, taker, _say, _log, HostLog.NameTaken);
            name = Socket?.Name ?? name;
            Name = Socket?.Name;
        }
        else if (name != Name)
        {
            Socket?.Link(name);
        }
        else if (!options.IsPlain)
        {
            throw new OptionException($"switch {name}: name: is the process's own");
        }
        _members.Rename(member, name);
        return name;
    }

    /// <summary>As <see cref="MemberList.LabelOf"/>.</summary>
    internal string? LabelOf(string? name) => _members.LabelOf(name);

    /// <summary>The switch that has the process for itself has failed.</summary>
    internal void OnFailedAlone() => _failed.Cancel();

    /// <summary>A switch has ended. One that failed is remembered.</summary>
    internal void Leave(GroupMember member)
    {
        if (_members.TryLeave(member))
        {
            Socket?.Unlink(member.Name); // but for the process's own
            RaiseChanged();
            if (_endsWithSwitch)
            {
                Dispose();
            }
        }
    }

    /// <summary>Starts switches that a configuration has got, some at a time. Those that cannot be are remembered as failed.</summary>
    /// <returns>For each why it could not be started; null where nothing kept it.</returns>
    internal IEnumerable<(string Name, string? Failure)> StartMore(IReadOnlyList<SwitchOptions> options)
    {
        GroupMember[] members = [.. options.Select(one => _members.Reserve(this, one, isByHand: false))];
        Exception?[] failures = _starter.StartAll(members, null, _say);
        if (members.Length > 0)
        {
            RaiseChanged();
        }
        return members.Zip(failures, (member, failure) => (member.Name, failure == null ? null : MemberStarter.Reasons(failure)));
    }

    private void CheckTakesTools()
    {
        if (_endsWithSwitch)
        {
            throw new OptionException("the process has one switch, which is its program's own");
        }
    }

    private SwitchHost Add(SwitchOptions options, Action<string> say)
    {
        GroupMember member = _members.Reserve(this, _configuration.Options.Share(options), isByHand: true);
        SwitchHost host;
        try
        {
            host = _starter.Start(member, null, say);
        }
        catch
        {
            _members.Remove(member);
            throw;
        }
        RaiseChanged();
        return host;
    }

    private void StartAll(HandoverTarget? taker)
    {
        SwitchGroupOptions options = _configuration.Options;
        if (!options.IsPlain)
        {
            Socket = ProcessSocket.Open(
                options.Control, options.Name, options.IsNamedByDefault ? DefaultName : null, taker, _say, _log, HostLog.ProcessNameTaken);
            Name = Socket?.Name;
            Resources.AnnounceFrames(_say);
        }
        GroupMember[] members = [.. options.Switches.Select(one => _members.Reserve(this, one, isByHand: false))];
        Exception?[] failures = _starter.StartAll(members, taker, _say);
        if (members.Length > 0 && failures.All(failure => failure != null))
        {
            if (members.Length == 1)
            {
                ExceptionDispatchInfo.Throw(failures[0]!);
            }
            throw new OptionException([.. members.Zip(failures, (member, failure) => $"switch {member.Name}: {MemberStarter.Reasons(failure!)}")]);
        }
    }

    /// <summary>The list of switches is another one.</summary>
    internal void RaiseChanged()
    {
        foreach (Action handler in SwitchesChanged?.GetInvocationList().Cast<Action>() ?? [])
        {
            try
            {
                handler();
            }
#pragma warning disable CA1031 // a handler's fault is not the switch's
            catch (Exception e)
#pragma warning restore CA1031
            {
                HostLog.Warn(_log, $"a handler of {nameof(SwitchesChanged)} failed: {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}");
            }
        }
    }
}
