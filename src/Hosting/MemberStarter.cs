using Microsoft.Extensions.Logging;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports;

namespace Softswitch.Hosting;

/// <summary>Starts the switches of a process, and ends one that fails. Threads: any.</summary>
internal sealed class MemberStarter(SwitchGroup group, MemberList members, ILogger log)
{
    /// <summary>An exception as the reason why a switch does not run, on one line.</summary>
    public static string Reasons(Exception e) => e is OptionException or PortException ? e.Message.ReplaceLineEndings("; ")
        : $"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}";

    /// <summary>Starts switches, some at a time. Those that cannot be are remembered as failed, with the reason.</summary>
    /// <returns>What kept each from starting; null where nothing did.</returns>
    public Exception?[] StartAll(GroupMember[] all, HandoverTarget? taker, Action<string> say)
    {
        Exception?[] failures = new Exception?[all.Length];
        ParallelThreads.ForEach([.. Enumerable.Range(0, all.Length)], SwitchGroup.StartThreads, index =>
        {
            List<string> said = [];
            try
            {
                Start(all[index], taker, all.Length == 1 ? say : said.Add);
            }
#pragma warning disable CA1031 // whatever it is, the others are started; who asked is told
            catch (Exception e)
#pragma warning restore CA1031
            {
                failures[index] = e;
                members.NoteFailure(all[index], Reasons(e));
            }
            lock (failures)
            {
                said.ForEach(say);
            }
        });
        foreach ((GroupMember member, Exception? failure) in all.Zip(failures))
        {
            if (failure != null && !members.HasOneSwitch)
            {
                HostLog.CannotStart(LogOf(member), Reasons(failure));
            }
        }
        return failures;
    }

    /// <summary>Starts a switch that has its place; it forwards when this returns.</summary>
    /// <param name="say">Takes a line for each thing that is open.</param>
    /// <exception cref="ObjectDisposedException">The process ends.</exception>
    public SwitchHost Start(GroupMember member, HandoverTarget? taker, Action<string> say)
    {
        SwitchHost host;
        try
        {
            host = SwitchHost.Start(member.Options, members.LabelOf(member.Name) is { } label ? line => say($"{label}: {line}") : say, LogOf(member), taker, member);
        }
        catch
        {
            group.Socket?.Unlink(member.Name);
            throw;
        }
        if (!members.TryEnter(member, host))
        {
            host.Dispose();
            throw new ObjectDisposedException(nameof(SwitchGroup));
        }
        host.Failed.Register(() => OnFailed(member, host));
        return host;
    }

    /// <summary>On the thread that failed, which has to end before the switch can.</summary>
    private void OnFailed(GroupMember member, SwitchHost host)
    {
        if (members.HasOneSwitch)
        {
            group.OnFailedAlone();
            return;
        }
        new Thread(() =>
        {
            if (members.TryFail(member, Reasons(host.Failure!)))
            {
                host.Dispose();
                group.RaiseChanged();
            }
        })
        { Name = $"end of {member.Name}", IsBackground = true }.Start();
    }

    private SwitchLog LogOf(GroupMember member) => new(log, () => members.LabelOf(member.Name));
}
