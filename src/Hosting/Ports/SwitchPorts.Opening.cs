using System.Runtime.ExceptionServices;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.State;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Hosting.Ports;

/// <content>How ports are opened.</content>
internal sealed partial class SwitchPorts
{
    /// <summary>
    /// Opens the ports of the options, in their order. Those whose interface is not there wait for it, which the log says.
    /// </summary>
    /// <param name="say">Takes a line for each that is open.</param>
    /// <exception cref="OptionException">One cannot be had as asked for; those opened stay open.</exception>
    /// <exception cref="PortException">One cannot be opened; as above.</exception>
    /// <param name="source">What to go on with of a running switch; null for nothing.</param>
    public void OpenAll(Action<string> say, HandoverTarget? source = null)
    {
        _source = source;
        List<ConfiguredPort> ports = [.. _ports.OrderBy(port => port.Option.Spec.IsTunnel)]; // those they travel by first
        Dictionary<ConfiguredPort, Func<OpenedDevice>> ahead = source == null ? OpenAhead(ports) : [];
        try
        {
            foreach (ConfiguredPort port in ports)
            {
                if (ahead.Remove(port, out Func<OpenedDevice>? opened))
                {
                    Open(port, say, opened());
                }
                else
                {
                    OpenOrAwait(port, say);
                }
            }
        }
        finally
        {
            foreach (Func<OpenedDevice> opened in ahead.Values) // none, unless one before them failed
            {
                DisposeOf(opened);
            }
        }
    }

    /// <summary>
    /// Opens the devices of those interfaces for which the kernel makes one wait, all at once. What comes of it is told when it is the
    /// port's turn.
    /// </summary>
    private Dictionary<ConfiguredPort, Func<OpenedDevice>> OpenAhead(List<ConfiguredPort> ports)
    {
        // Those that take frames of the pool are opened one after the other.
        List<ConfiguredPort> slow = ports.FindAll(port => port.Option.Spec.Kind is PortKind.Interface or PortKind.Packet && port.FramesTaken == 0);
        var opened = new Func<OpenedDevice>?[slow.Count];
        ParallelRun.Run(slow.Count, i =>
        {
            try
            {
                if (FindAbsence(slow[i]) == null)
                {
                    IPortDevice device = OpenOrTake(slow[i].Number, slow[i].Option.Spec, out ushort? beside);
                    opened[i] = () => new OpenedDevice(device, beside);
                }
            }
            catch (Exception e) when (e is PortException or OptionException)
            {
                ExceptionDispatchInfo failure = ExceptionDispatchInfo.Capture(e);
                opened[i] = () =>
                {
                    failure.Throw();
                    return default;
                };
            }
        });
        return Enumerable.Range(0, slow.Count).Where(i => opened[i] != null).ToDictionary(i => slow[i], i => opened[i]!);
    }

    private static void DisposeOf(Func<OpenedDevice> opened)
    {
        try
        {
            opened().Device.Dispose();
        }
        catch (Exception e) when (e is PortException or OptionException)
        {
            // It was not opened, and is not the first that was not.
        }
    }

    /// <returns>What the port has to wait for; null if it can be opened.</returns>
    /// <exception cref="PortException">An option of the port is wrong.</exception>
    private string? FindAbsence(ConfiguredPort port)
    {
        PortSpec spec = port.Option.Spec;
        if (!spec.IsTunnel)
        {
            return PortFactory.IsAbsent(spec) ? "there is no such interface" : null;
        }
        lock (_lock)
        {
            ushort via = UnderlaySet.Choose(spec, TunnelOptions.Read(spec), Underlays(_ports.Select(other => other.Option)));
            return _control.Ports.Find(via) == null ? $"it travels by port {via}, which is away" : null;
        }
    }

    /// <summary>Opens a port that was reserved; one that cannot be is none.</summary>
    private void OrForget(ConfiguredPort port, Action open)
    {
        try
        {
            open();
        }
        catch
        {
            lock (_lock)
            {
                _ports.Remove(port);
            }
            throw;
        }
    }

    private void OpenOrAwait(ConfiguredPort port, Action<string> say)
    {
        // What a running switch has is there, though it may be called otherwise by now.
        string? absence = _source?.FindNumber(port.Option.Spec) == null ? FindAbsence(port) : null;
        if (absence == null)
        {
            Open(port, say);
            return;
        }
        lock (_lock)
        {
            port.Detach();
            _numbers.Use(port.Number, StateFolder.NameOf(port.Option.Spec));
        }
        HostLog.PortTrouble(_log, $"port {port.Label}: {port.Name}: {absence}; waiting for it");
    }

    private ConfiguredPort Reserve(PortSpec spec)
    {
        lock (_lock)
        {
            ushort number = spec.Number ?? _numbers.Choose(StateFolder.NameOf(spec), _ports.Select(port => port.Number).ToHashSet())
                ?? throw new OptionException($"port '{spec}': all port numbers are in use");
            return Reserve(new PortOption(number, spec, PortOption.ByHand), []);
        }
    }

    private ConfiguredPort Reserve(PortOption option, IReadOnlyList<QueueOption> queues)
    {
        lock (_lock)
        {
            if (_ports.Find(port => port.Number == option.Number) is { } owner)
            {
                throw new OptionException($"port '{option}': the number belongs to '{owner.Option.Spec}'");
            }
            var port = new ConfiguredPort(option, queues);
            CheckFrames(port, port.FramesTaken);
            _ports.Add(port);
            return port;
        }
    }

    /// <summary>
    /// The pool is as large as it is: a port that keeps frames must leave at least half of <c>--frames</c> to the packets under way.
    /// </summary>
    private void CheckFrames(ConfiguredPort port, int wanted)
    {
        int atStart = _control.Frames.FrameCount - _framesForPackets;
        int taken = FramesTaken - (_ports.Contains(port) ? port.FramesTaken : 0);
        int spare = _control.Frames.FrameCount - (_framesForPackets / 2) - taken;
        if (wanted > spare)
        {
            throw new OptionException(
                $"port '{port.Option.Spec}': it takes {wanted} frames and {Math.Max(spare, 0)} are to spare; start the switch with --frames {2 * (taken + wanted - atStart)} or more");
        }
    }

    /// <param name="opened">Null to have it opened.</param>
    /// <param name="spec">What to open; null for what was asked for.</param>
    private void Open(ConfiguredPort port, Action<string> say, OpenedDevice? opened = null, PortSpec? spec = null)
    {
        ushort? beside = opened?.Beside;
        IPortDevice device = opened?.Device ?? (port.Option.Spec.Kind == PortKind.NetFpga
            ? _cards.OpenPort(port.Number, port.Option.Spec, out beside)
            : OpenOrTake(port.Number, spec ?? port.Option.Spec, out beside));
        lock (_lock)
        {
            if (_closed || !_ports.Contains(port))
            {
                device.Dispose();
                throw new OptionException($"port '{port.Option.Spec}': it was removed while it was being opened");
            }
            device.Changed += news => NoteChange($"port {port.Label}: {device.Name}", news);
            using (_control.EnterWithoutTable())
            {
                if (_control.Ports.Add(port.Number, device, beside: beside) != ControlError.None)
                {
                    device.Dispose();
                    throw new OptionException($"{port.Option.Origin}: '{port.Option.Spec}': the datapath refuses port number {port.Number}");
                }
                port.Attach(device);
                _numbers.Use(port.Number, StateFolder.NameOf(port.Option.Spec));
                say(port.Describe());
                try
                {
                    QueueSetUp.Apply(_control, port.Option, port.Queues, say);
                }
                catch (OptionException)
                {
                    RemoveFromDatapath(port); // all of it or nothing: guarantees that the link, as it is now, cannot give
                    throw;
                }
            }
        }
        foreach (string line in InterfaceUsers.Describe(port.Option.Spec, device))
        {
            HostLog.PortTrouble(_log, $"port {port.Label}: {device.Name}: {line}");
        }
        // Had its interface vanished before it was known as this port's, nobody would hear of it.
        RemoveIfGone(port);
    }

    /// <param name="Beside">The port whose workers must serve this one too; null if any may.</param>
    private readonly record struct OpenedDevice(IPortDevice Device, ushort? Beside);
}
