using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;

namespace Softswitch.Hosting;

/// <summary>The switches of a process: those that run, and those that start, end or have failed.</summary>
/// <remarks>Threads: any; nothing that waits is done with the lock.</remarks>
/// <param name="isPlain">Whether the process was started for one switch.</param>
internal sealed class MemberList(bool isPlain)
{
    private readonly Lock _lock = new();
    private readonly List<GroupMember> _members = [];
    private bool _isClosed;
    private bool _isHandingOver;

    /// <summary>All of them, in the order in which they were asked for.</summary>
    public GroupMember[] All
    {
        get
        {
            lock (_lock)
            {
                return [.. _members];
            }
        }
    }

    public IReadOnlyList<SwitchHost> Running => [.. All.Where(member => !member.IsEnding).Select(member => member.Host).OfType<SwitchHost>()];

    /// <summary>Whether there is one switch that has the process for itself.</summary>
    public bool HasOneSwitch
    {
        get
        {
            lock (_lock)
            {
                return isPlain && _members.Count == 1 && !_members[0].IsByHand;
            }
        }
    }

    /// <summary>What tells a switch from the others of its process, in lines for people: its name; null for a switch that has the process for itself.</summary>
    public string? LabelOf(string? name) => HasOneSwitch ? null : name;

    /// <summary>Whether the process ends.</summary>
    public bool IsClosed
    {
        get
        {
            lock (_lock)
            {
                return _isClosed;
            }
        }
    }

    /// <returns>Null if none of that name runs.</returns>
    public SwitchHost? Find(string name) => FindMember(name)?.Host;

    /// <summary>Why <see cref="Find"/> has nothing for a name.</summary>
    public string WhyNot(string name) => FindMember(name) is not { } member ? NoSuchSwitch(name).Message
        : $"switch '{name}': {(member.Failure is { } failure ? $"failed: {failure}" : "is being started")}";

    /// <exception cref="OptionException">There is no such switch, or it does not run.</exception>
    public SwitchHost FindRunning(string name) => Find(name) ?? throw new OptionException(WhyNot(name));

    /// <summary>The switch that is meant where none is named: the only one, or the one that the process is called by.</summary>
    /// <exception cref="OptionException">There is none, or the message lists those there are.</exception>
    public SwitchHost FindOnly(string? process)
    {
        string[] names = [.. All.Select(member => member.Name)];
        return names.Length == 1 ? FindRunning(names[0])
            : names.Contains(process) ? FindRunning(process!)
            : throw new OptionException(names.Length == 0 ? "there is no switch in this process yet (softswitch switch add)" : $"which switch? there are {string.Join(", ", names)}");
    }

    /// <summary>The switch that has the process for itself.</summary>
    /// <exception cref="OptionException">There is none, or another one besides.</exception>
    public SwitchHost FindAlone() => All.Length == 0 || HasOneSwitch ? FindOnly(null) : throw NotAlone();

    /// <summary>A switch that the configuration has.</summary>
    /// <param name="name">Empty for the one that the process was started for.</param>
    public SwitchHost? FindOfFile(string name) => name.Length > 0 ? Find(name) : Array.Find(All, member => !member.IsByHand)?.Host;

    /// <summary>Has a place for a switch that is to be started.</summary>
    /// <exception cref="OptionException">Another has its name, datapath id or interface, or the process gets none now.</exception>
    /// <exception cref="ObjectDisposedException">The process ends.</exception>
    public GroupMember Reserve(SwitchGroup group, SwitchOptions options, bool isByHand)
    {
        GroupMember[] before = [.. All.Where(other => other.Failure == null)];
        // Ports are read without our lock; whoever comes at the same time is found by what it was asked to be.
        SwitchOptions[] others = [.. before.Select(other => other.ReadOptions())];
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, group);
            List<string> errors = [];
            if (!isPlain || isByHand)
            {
                errors.AddRange(SwitchGroupOptions.FindObstacles(
                    options, [.. others, .. _members.Where(other => other.Failure == null).Except(before).Select(other => other.Options)]));
            }
            if (_isHandingOver)
            {
                errors.Add("the process hands its switch over to another one");
            }
            if (errors.Count > 0)
            {
                throw new OptionException(errors);
            }
            _members.RemoveAll(other => other.Failure != null && other.Name == options.Name); // it makes way for the one that is to replace it
            GroupMember member = new(group, options, isByHand);
            _members.Add(member);
            return member;
        }
    }

    /// <summary>A switch is known by its datapath id from now on.</summary>
    /// <exception cref="OptionException">Another has it.</exception>
    public void Identify(GroupMember member, ulong datapathId)
    {
        lock (_lock)
        {
            if (_members.Find(other => other != member && other.Failure == null && other.DatapathId == datapathId) is { } other)
            {
                throw new OptionException($"switch {member.Name}: datapath id {datapathId:x16} is that of switch {other.Name}; --datapath-id gives it another");
            }
            member.DatapathId = datapathId;
        }
    }

    public void Rename(GroupMember member, string name)
    {
        lock (_lock)
        {
            member.Name = name;
        }
    }

    /// <summary>A switch forwards.</summary>
    /// <returns>Whether it is in time: not if the process ends.</returns>
    public bool TryEnter(GroupMember member, SwitchHost host)
    {
        lock (_lock)
        {
            member.Host = host;
            return !_isClosed;
        }
    }

    /// <summary>A switch could not be started; it is remembered.</summary>
    public void NoteFailure(GroupMember member, string reason)
    {
        lock (_lock)
        {
            member.Failure = reason;
        }
    }

    /// <summary>A switch that ran has failed; it is remembered, and its host no more.</summary>
    /// <returns>False if it ends anyway.</returns>
    public bool TryFail(GroupMember member, string reason)
    {
        lock (_lock)
        {
            if (member.IsEnding || _isClosed)
            {
                return false;
            }
            (member.Host, member.Failure) = (null, reason);
            return true;
        }
    }

    /// <summary>Forgets a switch that could not be started.</summary>
    public void Remove(GroupMember member)
    {
        lock (_lock)
        {
            _members.Remove(member);
        }
    }

    /// <summary>A switch is to end, or forgotten if it has failed.</summary>
    /// <returns>What is to end; null if it has failed.</returns>
    /// <exception cref="OptionException">There is no such switch, or it starts or ends just now.</exception>
    public SwitchHost? BeginEnd(string name)
    {
        lock (_lock)
        {
            GroupMember member = FindMember(name) ?? throw NoSuchSwitch(name);
            if (member.IsEnding || (member.Host == null && member.Failure == null))
            {
                throw new OptionException($"switch '{name}': is {(member.IsEnding ? "ending" : "being started")}");
            }
            member.IsEnding = true;
            if (member.Host == null)
            {
                _members.Remove(member);
            }
            return member.Host;
        }
    }

    /// <summary>A switch has ended.</summary>
    /// <returns>Whether it is gone from here: not one that failed, or that goes with the process.</returns>
    public bool TryLeave(GroupMember member)
    {
        lock (_lock)
        {
            return member.Host != null && member.Failure == null && !_isClosed && _members.Remove(member);
        }
    }

    /// <summary>No switch comes any more.</summary>
    /// <returns>Those that are to end; null if that was done before.</returns>
    public SwitchHost[]? Close()
    {
        lock (_lock)
        {
            SwitchHost[]? hosts = _isClosed ? null : [.. _members.Select(member => member.Host).OfType<SwitchHost>()];
            _isClosed = true;
            return hosts;
        }
    }

    /// <summary>Holds what cannot be together with a switch that changes processes.</summary>
    /// <exception cref="OptionException">The switch is not alone in its process, or changes processes already.</exception>
    public void SetHandingOver(bool isUnderWay)
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

    /// <exception cref="OptionException">The switch is not alone in its process, or changes processes already.</exception>
    public void CheckHandOver()
    {
        lock (_lock)
        {
            if (_isHandingOver || !HasOneSwitch)
            {
                throw _isHandingOver ? new OptionException("another process is taking it over already") : NotAlone();
            }
        }
    }

    /// <summary>Those that run, and what the others are.</summary>
    public (IReadOnlyList<SwitchHost> Running, IReadOnlyList<SwitchSummary> Others) Read()
    {
        lock (_lock)
        {
            return ([.. Running], [.. _members.Where(member => member is not { Host: not null, IsEnding: false }).Select(member => member.Describe())]);
        }
    }

    private GroupMember? FindMember(string name) => Array.Find(All, member => member.Name == name);

    private static OptionException NotAlone() => new("it shares its process with others: only a switch that has a process for itself can be taken over");

    private OptionException NoSuchSwitch(string name) =>
        new($"switch '{name}': there is no such switch in this process; there are {string.Join(", ", All.Select(member => member.Name).DefaultIfEmpty("none"))}");
}
