using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reloading;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting;

/// <summary>The options that a switch has in force, which change while it runs: all of a change is done, or nothing. Threads: any.</summary>
internal sealed class SwitchConfiguration(SwitchParts parts)
{
    private volatile SwitchOptions _options = parts.Options;
    private IReadOnlyList<string> _pending = [];

    /// <summary>Those in force, with the ports that the switch was started with.</summary>
    public SwitchOptions Options => _options;

    /// <summary>A line for each change that takes a new start, as of the last reload.</summary>
    public IReadOnlyList<string> Pending => _pending;

    /// <summary>What is in force, as it would have to be given; ports that are the program's own are left out.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public SwitchOptions ReadOptions()
    {
        parts.Gate.Check();
        PortSettings[] ports = [.. ReadPortStates().Where(port => port.Port.Spec.Kind != PortKind.Program)];
        return _options with
        {
            DatapathId = parts.Control.DatapathId,
            Ports = [.. ports.Select(port => port.Port)],
            Queues = [.. ports.SelectMany(port => port.Queues)],
        };
    }

    /// <summary>Applies other options: all of the difference, or nothing. The calling thread is in the switch's network namespace.</summary>
    /// <param name="wanted">Judged alone, with numbers for ports.</param>
    /// <returns>A line for each change; nothing where there is none.</returns>
    /// <exception cref="OptionException">
    /// A line for each thing that is wrong, for the caller to tell the log. Everything is as it was then, but for what the lines say.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public IReadOnlyList<string> Reconfigure(SwitchOptions wanted)
    {
        parts.Changes.Enter();
        Reconfiguration steps = new();
        try
        {
            parts.Gate.Check();
            return Reconfigure(wanted, steps);
        }
#pragma warning disable CA1031 // whatever it is, the switch goes on as it was
        catch (Exception e) when (e is not ObjectDisposedException)
#pragma warning restore CA1031
        {
            throw new OptionException([.. Reconfiguration.ReasonsOf(e), .. steps.Undo()]);
        }
        finally
        {
            parts.Changes.Exit();
        }
    }

    private IReadOnlyList<PortSettings> ReadPortStates() => [.. parts.Ports.ReadConfiguration().Select(port => new PortSettings(port.Port, port.Queues))];

    private List<string> Reconfigure(SwitchOptions wanted, Reconfiguration steps)
    {
        SwitchOptions now = ReadOptions();
        wanted = wanted with { DatapathId = wanted.DatapathId ?? parts.Control.DatapathId };
        PortSettings[] wantedPorts = [.. wanted.Ports.Select(port => new PortSettings(port, [.. wanted.Queues.Where(queue => queue.Port == port.Number)]))];
        PortChanges ports = PortChanges.Plan(ReadPortStates(), wantedPorts, _options.InBand);
        (IReadOnlyList<ConnectionTarget> newControllers, IReadOnlyList<ConnectionTarget> oldControllers) =
            PortChanges.Difference(now.Agent.Controllers, wanted.Agent.Controllers);
        (IReadOnlyList<ConnectionTarget> newListeners, IReadOnlyList<ConnectionTarget> oldListeners) =
            PortChanges.Difference(now.Agent.Listeners, wanted.Agent.Listeners);
        SwitchAgent agent = parts.Agent;
        List<string> report = [.. ports.Report];

        // What may fail comes first, and what others could not get back comes last.
        OpenAll(ports.First, steps);
        if (parts.Credentials.Renew(wanted, agent, steps) && wanted.Tls == _options.Tls)
        {
            report.Add("private-key, certificate and CA: read again");
        }
        steps.DoAll(oldListeners.Where(old => newListeners.Any(old.Overlaps)), agent.RemoveListener, agent.AddListener);
        steps.DoAll(newListeners, agent.AddListener, agent.RemoveListener);
        steps.DoAll(newControllers, agent.AddController, agent.RemoveController);
        foreach ((PortSettings before, PortSettings after) in ports.Configured)
        {
            steps.Do(() => parts.Ports.Configure(after.Port, after.Queues), () => parts.Ports.Configure(before.Port, before.Queues));
        }
        foreach (PortSettings port in ports.Closed)
        {
            steps.Do(() => parts.Ports.Close(port.Port.Number), () => parts.Ports.Restore(port.Port, port.Queues));
        }
        OpenAll(ports.Last, steps);

        // Nothing of this can fail.
        foreach (ConnectionTarget listener in oldListeners.Where(old => !newListeners.Any(old.Overlaps)))
        {
            agent.RemoveListener(listener);
        }
        foreach (ConnectionTarget controller in oldControllers)
        {
            agent.RemoveController(controller);
        }
        agent.Change(wanted.Agent.FailMode, wanted.Agent.EmergencyAttempts);
        using (parts.Gate.EnterWithoutTable())
        {
            parts.Control.PacketIns.Limit(wanted.Datapath.PacketInRate, wanted.Datapath.PacketInBurst);
        }
        parts.InBand?.Follow(wanted.Agent.Controllers, agent.ListenPorts);
        SwitchOption[] own = [.. SwitchOption.All.Where(option => option.Scope is OptionScope.Switch or OptionScope.OneSwitch)]; // the others are the process's to report
        _pending = [.. ports.Pending, .. OptionChanges.Pending(own, now, wanted)];
        report.AddRange(OptionChanges.Done(own.Where(option => option.Name is not ("port" or "queue")), now, wanted));
        _options = _options with
        {
            Agent = _options.Agent with
            {
                Controllers = wanted.Agent.Controllers,
                Listeners = wanted.Agent.Listeners,
                FailMode = wanted.Agent.FailMode,
                EmergencyAttempts = wanted.Agent.EmergencyAttempts,
            },
            Datapath = _options.Datapath with { PacketInRate = wanted.Datapath.PacketInRate, PacketInBurst = wanted.Datapath.PacketInBurst },
            Tls = wanted.Tls,
        };
        return report;
    }

    private void OpenAll(IReadOnlyList<PortSettings> ports, Reconfiguration steps) =>
        steps.DoAll(ports, port => parts.Ports.Open(port.Port, port.Queues), port => parts.Ports.Close(port.Port.Number));
}
