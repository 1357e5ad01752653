using System.Runtime.ExceptionServices;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Processes;
using Softswitch.Hosting.TakeOver;

namespace Softswitch.Hosting;

/// <content>How switches are started, alone or some at a time.</content>
public sealed partial class SwitchGroup
{
    private const int StartThreads = 4; // most of a start is waiting for the kernel

    /// <summary>A switch is known by its datapath id now, and is to be by its name.</summary>
    /// <returns>Its name.</returns>
    /// <exception cref="OptionException">Another has its datapath id, or tools know another by its name.</exception>
    internal string Enlist(GroupMember member, ulong datapathId, string name, HandoverTarget? taker)
    {
        lock (_lock)
        {
            if (_members.Find(other => other != member && other.Failure == null && other.DatapathId == datapathId) is { } other)
            {
                throw new OptionException($"switch {member.Name}: datapath id {datapathId:x16} is that of switch {other.Name}; --datapath-id gives it another");
            }
            member.DatapathId = datapathId;
        }
        if (_options.IsPlain && !member.IsByHand)
        {
            Socket = ProcessSocket.Open(_options.Control, _options.Name, _options.IsNamedByDefault ? name : null, taker, _say, _log, HostLog.NameTaken);
            name = Socket?.Name ?? name;
            Name = Socket?.Name;
        }
        else if (name != Name)
        {
            Socket?.Link(name);
        }
        else if (!_options.IsPlain)
        {
            throw new OptionException($"switch {name}: name: is the process's own");
        }
        lock (_lock)
        {
            member.Name = name;
        }
        return name;
    }

    private SwitchHost Add(SwitchOptions options, Action<string> say)
    {
        GroupMember member = Reserve(_options.Share(options), isByHand: true);
        SwitchHost host;
        try
        {
            host = StartOne(member, null, say);
        }
        catch
        {
            lock (_lock)
            {
                _members.Remove(member);
            }
            throw;
        }
        RaiseChanged();
        return host;
    }

    /// <exception cref="OptionException">Another has its name, datapath id or interface.</exception>
    private GroupMember Reserve(SwitchOptions options, bool isByHand)
    {
        GroupMember[] before;
        lock (_lock)
        {
            before = [.. _members.Where(other => other.Failure == null)];
        }
        // Ports are read without our lock; whoever comes at the same time is found by what it was asked to be.
        SwitchOptions[] others = [.. before.Select(other => other.ReadOptions())];
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            List<string> errors = [];
            if (!_options.IsPlain || isByHand)
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
            GroupMember member = new(this, options, isByHand);
            _members.Add(member);
            _hadSeveral |= !HasOneSwitch;
            return member;
        }
    }

    private void StartAll(HandoverTarget? taker)
    {
        if (!_options.IsPlain)
        {
            Socket = ProcessSocket.Open(
                _options.Control, _options.Name, _options.IsNamedByDefault ? DefaultName : null, taker, _say, _log, HostLog.ProcessNameTaken);
            Name = Socket?.Name;
            _say(Resources.DescribeFrames());
        }
        GroupMember[] members = [.. _options.Switches.Select(options => Reserve(options, isByHand: false))];
        Exception?[] failures = StartMembers(members, taker);
        if (members.Length > 0 && failures.All(failure => failure != null))
        {
            if (members.Length == 1)
            {
                ExceptionDispatchInfo.Throw(failures[0]!);
            }
            throw new OptionException([.. members.Zip(failures, (member, failure) => $"switch {member.Name}: {Reasons(failure!)}")]);
        }
    }

    /// <summary>Starts switches, some at a time. Those that cannot be are remembered as failed, with the reason.</summary>
    /// <returns>What kept each from starting; null where nothing did.</returns>
    private Exception?[] StartMembers(GroupMember[] members, HandoverTarget? taker)
    {
        Exception?[] failures = new Exception?[members.Length];
        ParallelThreads.ForEach([.. Enumerable.Range(0, members.Length)], StartThreads, index =>
        {
            List<string> said = [];
            try
            {
                StartOne(members[index], taker, members.Length == 1 ? _say : said.Add);
            }
#pragma warning disable CA1031 // whatever it is, the others are started; who asked is told
            catch (Exception e)
#pragma warning restore CA1031
            {
                failures[index] = e;
                lock (_lock)
                {
                    members[index].Failure = Reasons(e);
                }
            }
            lock (failures)
            {
                said.ForEach(_say);
            }
        });
        foreach ((GroupMember member, Exception? failure) in members.Zip(failures))
        {
            if (failure != null && !HasOneSwitch)
            {
                HostLog.CannotStart(LogOf(member), Reasons(failure));
            }
        }
        return failures;
    }

    private SwitchHost StartOne(GroupMember member, HandoverTarget? taker, Action<string> say)
    {
        SwitchHost host;
        try
        {
            host = SwitchHost.Start(member.Options, _options.IsPlain && !member.IsByHand ? say : line => say($"{member.Name}: {line}"), LogOf(member), taker, member);
        }
        catch
        {
            Unlink(member);
            throw;
        }
        bool isLate;
        lock (_lock)
        {
            isLate = _isDisposed;
            member.Host = host;
        }
        if (isLate)
        {
            host.Dispose();
            throw new ObjectDisposedException(nameof(SwitchGroup));
        }
        host.Given.Register(_given.Cancel);
        host.Failed.Register(() => OnFailed(member, host));
        return host;
    }
}
