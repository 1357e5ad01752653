using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Cards;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports;
using Softswitch.Ports.KernelOffload;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Patch;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Hosting.Ports;

/// <summary>Opens ports' devices and puts them into the datapath; takes ports out of it.</summary>
/// <remarks>Threads: any, without the list's lock but where a member says otherwise: a device may take long to open.</remarks>
/// <param name="cards">Whose interfaces are among the ports; the caller's.</param>
/// <param name="cables">Of the process.</param>
internal sealed class PortOpener(PortList ports, DatapathControl control, SwitchCards cards, PatchCables cables, ILogger log)
{
    private readonly UnderlaySet _underlays = new(cables: cables);

    /// <summary>Raised when a port is out of the datapath because its interface is gone. Without the lock.</summary>
    public event Action<ConfiguredPort>? Lost;

    /// <summary>Ports that tunnels may travel by, by number.</summary>
    public static Dictionary<ushort, UnderlayOptions> Underlays(IEnumerable<PortOption> ports)
    {
        Dictionary<ushort, UnderlayOptions> underlays = [];
        foreach (PortOption port in ports.Where(port => !port.Spec.IsTunnel))
        {
            if (UnderlayOptions.Read(port.Spec) is { } options)
            {
                underlays.Add(port.Number, options);
            }
        }
        return underlays;
    }

    /// <summary>As <see cref="SwitchPorts.OpenAll"/>.</summary>
    public void OpenAll(Action<string> say, HandoverTarget? source)
    {
        List<ConfiguredPort> all = [.. ports.All.OrderBy(port => port.Option.Spec.IsTunnel)]; // those they travel by first
        Dictionary<ConfiguredPort, Task<OpenedDevice>> ahead = source == null ? OpenAhead(all) : [];
        try
        {
            foreach (ConfiguredPort port in all)
            {
                if (ahead.Remove(port, out Task<OpenedDevice>? opened))
                {
                    Attach(port, opened.GetAwaiter().GetResult(), say);
                }
                else
                {
                    OpenOrAwait(port, say, source);
                }
            }
        }
        finally
        {
            foreach (Task<OpenedDevice> opened in ahead.Values.Where(opened => opened.Exception == null)) // none, unless one before them failed
            {
                opened.Result.Device.Dispose();
            }
        }
    }

    /// <summary>Opens a port, or has it wait for its interface, which the log says.</summary>
    /// <param name="source">What to go on with of a running switch; null for nothing.</param>
    /// <exception cref="OptionException">As <see cref="SwitchPorts.Open"/>.</exception>
    /// <exception cref="PortException">It cannot be opened.</exception>
    public void OpenOrAwait(ConfiguredPort port, Action<string> say, HandoverTarget? source = null)
    {
        // What a running switch has is there, though it may be called otherwise by now.
        string? absence = source?.FindNumber(port.Option.Spec) == null ? FindAbsence(port) : null;
        if (absence == null)
        {
            Open(port, port.Option.Spec, say, source);
            return;
        }
        lock (ports.Lock)
        {
            port.Detach();
            ports.NoteUse(port);
        }
        HostLog.PortTrouble(log, $"port {port.Label}: {port.Name}: {absence}; waiting for it");
    }

    /// <param name="spec">What to open: what was asked for, or how that returns.</param>
    /// <param name="source">As above.</param>
    /// <exception cref="OptionException">The port was removed meanwhile, the datapath refuses it, or its queues are more than it can give.</exception>
    /// <exception cref="PortException">It cannot be opened.</exception>
    public void Open(ConfiguredPort port, PortSpec spec, Action<string> say, HandoverTarget? source = null) =>
        Attach(port, OpenDevice(port, spec, source), say);

    /// <summary>Puts a port with its device, which is its from now on, into the datapath. Errors as above.</summary>
    public void Attach(ConfiguredPort port, OpenedDevice opened, Action<string> say)
    {
        IPortDevice device = opened.Device;
        lock (ports.Lock)
        {
            if (!ports.IsWanted(port))
            {
                device.Dispose();
                throw new OptionException($"port '{port.Option.Spec}': it was removed while it was being opened");
            }
            device.Changed += news => NoteChange($"port {port.Label}: {device.Name}", news);
            using (control.EnterWithoutTable())
            {
                if (control.Ports.Add(port.Number, device, beside: opened.Beside) != ControlError.None)
                {
                    device.Dispose();
                    throw new OptionException($"{port.Option.Origin}: '{port.Option.Spec}': the datapath refuses port number {port.Number}");
                }
                port.Attach(device);
                ports.NoteUse(port);
                say(port.Describe());
                try
                {
                    QueueSetUp.Apply(control, port.Option, port.Queues, say);
                }
                catch (OptionException)
                {
                    Detach(port); // all of it or nothing: guarantees that the link, as it is now, cannot give
                    throw;
                }
            }
        }
        foreach (string line in InterfaceUsers.Describe(port.Option.Spec, device))
        {
            HostLog.PortTrouble(log, $"port {port.Label}: {device.Name}: {line}");
        }
        // Had its interface vanished before it was known as this port's, nobody would hear of it.
        RemoveIfGone(port);
    }

    /// <summary>Takes an open port out of the datapath, which closes its device. Under the lock.</summary>
    public void Detach(ConfiguredPort port)
    {
        port.Detach();
        using (control.EnterWithoutTable())
        {
            control.Ports.Remove(port.Number);
        }
    }

    /// <summary>Takes a port out of the datapath if its interface is gone.</summary>
    /// <returns>Whether the port is out of it.</returns>
    public bool RemoveIfGone(ConfiguredPort port)
    {
        lock (ports.Lock)
        {
            if (port.Interface is not { HasInterface: false })
            {
                return port.Device == null;
            }
            string name = port.Name;
            Detach(port);
            string awaited = name == port.Option.Spec.Target ? "it" : port.Option.Spec.Target;
            HostLog.PortTrouble(log, $"port {port.Label}: {name}: the interface is gone; waiting for {awaited} to return");
        }
        Lost?.Invoke(port);
        return true;
    }

    /// <summary>Whether what a port waits for is there.</summary>
    /// <exception cref="PortException">The system refuses to say.</exception>
    public bool MayReturn(ConfiguredPort port) => port.Option.Spec.IsTunnel ? FindAbsence(port) == null : PortFactory.HasInterface(port.Option.Spec);

    /// <summary>A port could not be opened. It waits and is tried again, which the log says.</summary>
    public void TakeFailure(ConfiguredPort port, string message)
    {
        lock (ports.Lock)
        {
            if (port.Device == null)
            {
                port.Detach();
            }
            // It is tried again and again: the same failure is one line, also where it says less the next time (whose the interface is can
            // be asked so often only).
            // What was removed meanwhile is nobody's concern.
            if (port.LastFailure?.StartsWith(message, StringComparison.Ordinal) != true && ports.IsWanted(port))
            {
                port.LastFailure = message;
                HostLog.PortTrouble(log, message);
            }
        }
    }

    /// <summary>
    /// Opens the devices of those interfaces for which the kernel makes one wait, all at once. What comes of it is told when it is the
    /// port's turn.
    /// </summary>
    private Dictionary<ConfiguredPort, Task<OpenedDevice>> OpenAhead(List<ConfiguredPort> all)
    {
        // Those that take frames of the pool are opened one after the other.
        List<ConfiguredPort> slow = all.FindAll(port => port.Option.Spec.Kind is PortKind.Interface or PortKind.Packet && port.FramesTaken == 0);
        var opened = new Task<OpenedDevice>?[slow.Count];
        ParallelRun.Run(slow.Count, i =>
        {
            try
            {
                opened[i] = FindAbsence(slow[i]) == null ? Task.FromResult(OpenDevice(slow[i], slow[i].Option.Spec, source: null)) : null;
            }
            catch (Exception e) when (e is PortException or OptionException)
            {
                opened[i] = Task.FromException<OpenedDevice>(e);
            }
        });
        return Enumerable.Range(0, slow.Count).Where(i => opened[i] != null).ToDictionary(i => slow[i], i => opened[i]!);
    }

    /// <summary>Goes on with the device of the switch that is taken over, where it has one for the port; else opens it.</summary>
    private OpenedDevice OpenDevice(ConfiguredPort port, PortSpec spec, HandoverTarget? source)
    {
        DeviceOffer? offer = source?.TakePort(port.Number, spec);
        bool isOfCards = offer == null ? SwitchCards.HasPort(spec) : offer.Kind == KernelOffloadPort.OfferKind;
        IPortDevice device = isOfCards ? cards.OpenPort(port.Number, spec, offer, out ushort? beside)
            : _underlays.Open(port.Number, spec, control.Frames, out beside, offer);
        if (offer != null)
        {
            source!.NoteDevice(port.Number, device);
        }
        return new OpenedDevice(device, beside);
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
        lock (ports.Lock)
        {
            ushort via = UnderlaySet.Choose(spec, TunnelOptions.Read(spec), Underlays(ports.All.Select(other => other.Option)));
            return control.Ports.Find(via) == null ? $"it travels by port {via}, which is away" : null;
        }
    }

    /// <summary>On a device's thread, and without our lock: who removes the device holds it and waits for that thread.</summary>
    private void NoteChange(string who, string? news)
    {
        control.Ports.AnnounceLinkChange();
        if (news != null)
        {
            HostLog.Port(log, $"{who}: {news}");
        }
    }

    /// <param name="Beside">The port whose workers must serve this one too; null if any may.</param>
    public readonly record struct OpenedDevice(IPortDevice Device, ushort? Beside = null);
}
