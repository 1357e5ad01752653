using Softswitch.Datapath.Control;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Opening;

namespace Softswitch.Hosting.Ports;

/// <summary>A port the switch is to have, whether or not its interface is there at the moment.</summary>
/// <remarks>Threads: under the lock of <see cref="SwitchPorts"/>.</remarks>
/// <param name="option">Its number and what stands behind it.</param>
/// <param name="queues">Those it gets each time it is opened.</param>
internal sealed class ConfiguredPort(PortOption option, IReadOnlyList<QueueOption> queues)
{
    private string _name = option.Spec.Target;
    private int _mtu;
    private string? _lastFault;

    /// <summary>Its number stays; what stands behind it is replaced by another port.</summary>
    public PortOption Option { get; set; } = option;

    public IReadOnlyList<QueueOption> Queues { get; set; } = queues;

    public ushort Number => Option.Number;

    /// <summary>Frames of the pool it may have for itself, as its interface was when somebody looked last.</summary>
    public int FramesTaken { get; set; } = PortFactory.FramesTakenBy(option.Spec);

    /// <summary>The number as people write it.</summary>
    public string Label => QueueOptionsReader.NameOf(Option.Number);

    /// <summary>Null while it is being opened, and while its interface, or the port a tunnel travels by, is away.</summary>
    public IPortDevice? Device { get; private set; }

    public INetworkInterface? Interface => Device?.Interface;

    /// <summary>Whether it waits for its interface to come, or to return.</summary>
    public bool IsAway { get; private set; }

    /// <summary>Why it could not be opened the last time; null if that was said of no attempt yet.</summary>
    public string? LastFailure { get; set; }

    /// <summary>What it is called: the device's name, which others may change; the one asked for while there is no device.</summary>
    public string Name => Device?.Name ?? (Option.Spec.Target.Length > 0 ? Option.Spec.Target : Option.Spec.Body);

    /// <summary>What there is to say besides that the interface is away.</summary>
    private string? WhyAway => LastFailure ?? (IsAway && Option.Spec.IsTunnel ? "the port it travels by is away" : null);

    public void Attach(IPortDevice device)
    {
        Device = device;
        IsAway = false;
        LastFailure = null;
        _name = device.Name;
        _mtu = device.ReadLink().Mtu;
    }

    /// <summary>Claims the port for one attempt to open it again; ended by <see cref="Attach"/> or <see cref="Detach"/>.</summary>
    public bool TryBeginReturn()
    {
        bool wasAway = IsAway;
        IsAway = false;
        return wasAway;
    }

    public void Detach()
    {
        Device = null;
        IsAway = true;
    }

    /// <summary>What people are to know of a change that no port-status tells, or not so that they would see it at once.</summary>
    /// <param name="link">The port's interface as it is now.</param>
    /// <param name="highestMtu">As <see cref="INetworkInterface.HighestMtu"/>.</param>
    public IEnumerable<string> TakeChanges(Link link, int highestMtu)
    {
        List<string> news = [];
        if (link.Name != _name)
        {
            news.Add($"port {Label}: {_name}: is called {link.Name} now");
            _name = link.Name;
        }
        if (link.Mtu != _mtu)
        {
            string limit = highestMtu == 0 || link.Mtu <= highestMtu ? string.Empty
                : $"; AF_XDP takes {highestMtu} at most: longer packets are dropped and counted";
            news.Add($"port {Label}: {_name}: the MTU is {link.Mtu} now, was {_mtu}{limit}");
            _mtu = link.Mtu;
        }
        return news;
    }

    /// <summary>What keeps the device from its work, if that has not been said yet.</summary>
    public string? TakeFault()
    {
        if (Device?.Fault is not { } fault || fault == _lastFault)
        {
            return null;
        }
        _lastFault = fault;
        return $"port {Label}: {Name}: {fault}";
    }

    /// <summary>As it is now. Under the control lock, too.</summary>
    /// <param name="port">The datapath's; null while there is no device.</param>
    /// <param name="account">Where its packets are; null as well.</param>
    public PortReport Read(SwitchPort? port, AccountRow? account)
    {
        PortStatistics traffic = port?.ReadStatistics() ?? default;
        return new PortReport(
            Number, Label, Name, Option.Spec.Text, Device?.Backend,
            port == null ? IsAway ? "away" : "opening" : port.Link.Up ? "up" : "down",
            Device == null ? WhyAway : Device.Fault,
            port == null ? [] : ReportJson.NamesOf(port.Config),
            port?.HardwareAddress.ToString(),
            port?.Mtu ?? 0,
            port?.Rate ?? 0,
            new TrafficReport(
                traffic.ReceivedPackets, traffic.ReceivedBytes, traffic.TransmittedPackets, traffic.TransmittedBytes,
                traffic.ReceiveDropped, traffic.TransmitDropped, traffic.ReceiveErrors, traffic.TransmitErrors),
            Account: account == null ? null : AccountReport.Of(account),
            Drops: account == null
                ? new Dictionary<string, long>()
                : AccountRowReport.NonZero(reason => account.ReceiveDrops(reason) + account.SendDrops(reason)));
    }

    /// <summary>One line for people.</summary>
    public string Describe()
    {
        if (Device == null)
        {
            return $"port {Label}: {Name}: {(IsAway ? WhyAway ?? "the interface is away" : "being opened")}";
        }
        string link = Device.ReadLink().Up ? string.Empty : " (link down)";
        string fault = Device.Fault is { } reason ? $" ({reason})" : string.Empty;
        return $"port {Label}: {Device.Name}: {Device.Backend}{link}{fault}";
    }
}
