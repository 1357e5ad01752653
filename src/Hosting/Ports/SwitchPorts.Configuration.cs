using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.State;
using Softswitch.Ports;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Hosting.Ports;

/// <content>The ports as a configuration that is read again has them.</content>
internal sealed partial class SwitchPorts
{
    /// <summary>Ports there are, or are to be. Of the moment: any thread, without the lock.</summary>
    public int Count => _ports.Count;

    /// <summary>All ports, in the order of their numbers, each with its queues.</summary>
    public IReadOnlyList<(PortOption Port, IReadOnlyList<QueueOption> Queues)> ReadConfiguration()
    {
        lock (_lock)
        {
            return [.. InOrder().Select(port => (port.Option, port.Queues))];
        }
    }

    /// <summary>The number for a port that is given without one: that of the same port here, or one that no port has had.</summary>
    /// <param name="taken">Numbers of others.</param>
    /// <returns>Null when all are in use.</returns>
    public ushort? NumberFor(PortSpec spec, IReadOnlyCollection<ushort> taken)
    {
        lock (_lock)
        {
            IEnumerable<ConfiguredPort> free = _ports.Where(port => !taken.Contains(port.Number));
            ConfiguredPort? same = free.FirstOrDefault(port => port.Option.Spec.Body == spec.Body)
                ?? free.FirstOrDefault(port => spec.Target.Length > 0 && port.Option.Spec.Target == spec.Target);
            return same?.Number ?? _numbers.Choose(StateFolder.NameOf(spec), _ports.Select(port => port.Number).Concat(taken).ToHashSet());
        }
    }

    /// <summary>The port that a tunnel travels by; null if it is no tunnel, or none has its address.</summary>
    public static ushort? ViaOf(PortOption tunnel, IEnumerable<PortOption> ports)
    {
        if (!tunnel.Spec.IsTunnel)
        {
            return null;
        }
        try
        {
            return UnderlaySet.Choose(tunnel.Spec, TunnelOptions.Read(tunnel.Spec), Underlays(ports));
        }
        catch (PortException)
        {
            return null;
        }
    }

    /// <summary>Opens a port with its queues, or has it wait for its interface.</summary>
    /// <exception cref="OptionException">As <see cref="Add(string)"/>, or the queues are more than the port can give. Nothing is changed then.</exception>
    /// <exception cref="PortException">It cannot be opened; as above.</exception>
    public void Open(PortOption option, IReadOnlyList<QueueOption> queues)
    {
        ConfiguredPort port = Reserve(option, queues);
        OrForget(port, () => OpenOrAwait(port, line => HostLog.Port(_log, line)));
    }

    /// <summary>Puts back a port that was closed. One that cannot be opened at once waits and is tried again, which the log says.</summary>
    public void Restore(PortOption option, IReadOnlyList<QueueOption> queues)
    {
        var port = new ConfiguredPort(option, queues);
        lock (_lock)
        {
            _ports.Add(port);
        }
        try
        {
            OpenOrAwait(port, line => HostLog.Port(_log, line));
        }
        catch (Exception e) when (e is PortException or OptionException)
        {
            lock (_lock)
            {
                TakeFailure(port, e.Message);
            }
        }
    }

    /// <summary>Closes a port for good; its interface is as it was found when this returns.</summary>
    public void Close(ushort number)
    {
        lock (_lock)
        {
            if (_ports.Find(port => port.Number == number) is { } port)
            {
                Remove(port);
            }
        }
    }

    /// <summary>Gives a port another rate and other queues, without a pause; queues that stay keep packets and counters.</summary>
    /// <param name="option">The same but for <c>rate=</c> and where it was given.</param>
    /// <exception cref="OptionException">The queues are more than the port can give. Nothing is changed then.</exception>
    public void Configure(PortOption option, IReadOnlyList<QueueOption> queues)
    {
        lock (_lock)
        {
            if (_ports.Find(port => port.Number == option.Number) is not { } port)
            {
                return; // removed meanwhile
            }
            (PortOption oldOption, IReadOnlyList<QueueOption> oldQueues) = (port.Option, port.Queues);
            (port.Option, port.Queues) = (option, queues);
            if (port.Device == null)
            {
                return; // it gets them when it is opened
            }
            using (_control.EnterWithoutTable())
            {
                try
                {
                    QueueSetUp.Change(_control, oldOption, oldQueues, option, queues);
                }
                catch (OptionException)
                {
                    (port.Option, port.Queues) = (oldOption, oldQueues);
                    QueueSetUp.Change(_control, option, queues, oldOption, oldQueues);
                    throw;
                }
            }
        }
    }

    private static Dictionary<ushort, UnderlayOptions> Underlays(IEnumerable<PortOption> ports)
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
}
