using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
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
public sealed partial class SwitchGroup : IDisposable, IAsyncDisposable
{
    private readonly Lock _lock = new(); // nothing that waits is done with it
    private readonly List<GroupMember> _members = [];
    private readonly CancellationTokenSource _failed = new();
    private readonly CancellationTokenSource _given = new();
    private readonly Action<string> _say;
    private readonly ILogger _log;
    private readonly long _began = Stopwatch.GetTimestamp();
    private volatile SwitchGroupOptions _options;
    private volatile bool _isDisposed;
    private volatile bool _isHandingOver;
    private volatile bool _hadSeveral;
    private volatile bool _endsWithSwitch;

    private SwitchGroup(SwitchGroupOptions options, Action<string> say, ILogger log, HandoverTarget? taker)
    {
        _options = options;
        _say = say;
        _log = log;
        Name = options.Name;
        Resources = new SwitchResources(options, taker);
    }

    /// <summary>A switch came, went or failed. Called by the thread that did it, and not to be kept waiting.</summary>
    public event Action? SwitchesChanged;

    /// <summary>What tools call the process by; null for nothing.</summary>
    public string? Name { get; private set; }

    /// <summary>The switches that run, in the order in which they were asked for.</summary>
    public IReadOnlyList<SwitchHost> Switches
    {
        get
        {
            lock (_lock)
            {
                return [.. _members.Where(member => !member.IsEnding).Select(member => member.Host).OfType<SwitchHost>()];
            }
        }
    }

    internal SwitchResources Resources { get; }

    /// <summary>Null where tools do not find the process.</summary>
    internal ProcessSocket? Socket { get; private set; }

    /// <summary>Whether the process was started for one switch.</summary>
    internal bool IsPlain => _options.IsPlain;

    /// <summary>Whether there is one switch that has the process for itself.</summary>
    internal bool HasOneSwitch
    {
        get
        {
            lock (_lock)
            {
                return _options.IsPlain && _members.Count == 1 && !_members[0].IsByHand;
            }
        }
    }

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
        SwitchHost? host;
        lock (_lock)
        {
            GroupMember member = _members.Find(member => member.Name == name) ?? throw NoSuchSwitch(name);
            if (member.IsEnding || (member.Host == null && member.Failure == null))
            {
                throw new OptionException($"switch '{name}': is {(member.IsEnding ? "ending" : "being started")}");
            }
            host = member.Host;
            member.IsEnding = true;
            if (host == null)
            {
                _members.Remove(member);
            }
        }
        if (host == null)
        {
            Socket?.Unlink(name);
            RaiseChanged();
        }
        host?.Dispose();
    }

    /// <returns>The switch of that name; null if none runs.</returns>
    public SwitchHost? Find(string name)
    {
        lock (_lock)
        {
            return _members.Find(member => member.Name == name)?.Host;
        }
    }

    /// <summary>Ends all switches, some at a time: interfaces are as they were found. Done again, it does nothing. Not from a handler of a switch.</summary>
    public void Dispose()
    {
        SwitchHost[] hosts;
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }
            _isDisposed = true;
            hosts = [.. _members.Select(member => member.Host).OfType<SwitchHost>()];
        }
        Socket?.Dispose();
        ParallelThreads.ForEach(hosts, StartThreads, host => host.Dispose());
        Resources.Dispose();
    }

    /// <summary>The same on another thread. A handler may begin it, but not wait for it.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    /// <summary>A socket that the program listens by, to be handed over with the switch that has the process for itself.</summary>
    /// <param name="label">What a taker with the same options asks for it by.</param>
    internal void AddListener(string label, ListeningSocket listener)
    {
        if (HasOneSwitch)
        {
            Switches[0].AddListener(label, listener);
        }
    }

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
        List<SwitchHost> running = [];
        List<SwitchSummary> others = [];
        lock (_lock)
        {
            foreach (GroupMember member in _members)
            {
                if (member is { Host: { } host, IsEnding: false })
                {
                    running.Add(host);
                }
                else
                {
                    others.Add(member.Describe());
                }
            }
        }
        return ReadReport(Name, Stopwatch.GetElapsedTime(_began), running, others);
    }

    /// <summary>A switch has ended. One that failed is remembered.</summary>
    internal void Leave(GroupMember member)
    {
        lock (_lock)
        {
            if (member.Host == null || member.Failure != null || _isDisposed)
            {
                return; // it never was one of us, is to be remembered, or goes with us
            }
            _members.Remove(member);
        }
        Unlink(member);
        RaiseChanged();
        if (_endsWithSwitch)
        {
            Dispose();
        }
    }

    /// <summary>Holds what cannot be together with a switch that changes processes.</summary>
    /// <exception cref="OptionException">The switch is not alone in its process, or changes processes already.</exception>
    internal void SetHandingOver(bool isUnderWay)
    {
        lock (_lock)
        {
            if (isUnderWay)
            {
                CheckHandOver();
            }
            _isHandingOver = isUnderWay;
        }
    }

    /// <exception cref="OptionException">There is another switch in the process, or it changes processes already.</exception>
    internal void CheckHandOver()
    {
        lock (_lock)
        {
            if (_isHandingOver || !HasOneSwitch)
            {
                throw _isHandingOver ? new OptionException("another process is taking it over already") : NotAlone();
            }
        }
    }

    /// <summary>On the thread that failed, which has to end before the switch can.</summary>
    private void OnFailed(GroupMember member, SwitchHost host)
    {
        if (HasOneSwitch)
        {
            _failed.Cancel();
            return;
        }
        new Thread(() =>
        {
            string reason = Reasons(host.Failure!);
            lock (_lock)
            {
                if (member.IsEnding || _isDisposed)
                {
                    return;
                }
                (member.Host, member.Failure) = (null, reason);
            }
            host.Dispose();
            RaiseChanged();
        })
        { Name = $"end of {member.Name}", IsBackground = true }.Start();
    }

    /// <summary>The name goes, unless it is the process's.</summary>
    private void Unlink(GroupMember member) => Socket?.Unlink(member.Name);

    private SwitchLog LogOf(GroupMember member) => new(_log, () => _hadSeveral ? member.Name : null);

    private void RaiseChanged()
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

    private static OptionException NotAlone() => new("it shares its process with others: only a switch that has a process for itself can be taken over");

    private OptionException NoSuchSwitch(string name)
    {
        lock (_lock)
        {
            return new OptionException($"switch '{name}': there is no such switch in this process; there are {string.Join(", ", _members.Select(member => member.Name).DefaultIfEmpty("none"))}");
        }
    }

    private static string Reasons(Exception e) => e is OptionException or PortException ? e.Message.ReplaceLineEndings("; ")
        : $"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}";
}
