using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.Tunnels.Headers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Ports.Tunnels;

/// <summary>A tunnel port. It wraps packets and sends them by its underlay; wrapped packets that come in there are received here, unwrapped.</summary>
/// <remarks>
/// It has a queue for each queue of the underlay, served by the same worker. Its link is up while the underlay's is and there is a route to
/// the remote end. Threads: as for every device.
/// </remarks>
internal sealed class TunnelDevice : IPortDevice, IDeviceHandover
{
    private readonly Underlay _underlay;
    private readonly TunnelQueue[] _queues;
    private readonly ProtocolClaim? _claim;

    /// <param name="number">Its OpenFlow port number.</param>
    /// <param name="name">Shown to controllers.</param>
    /// <exception cref="PortException">Another tunnel of the underlay has the same ends and key.</exception>
    public TunnelDevice(ushort number, string name, TunnelOptions options, Underlay underlay)
    {
        Number = number;
        Name = name;
        Options = options;
        Id = TunnelId.Of(options);
        HardwareAddress = LocalMacAddress.For($"{name}@{Ipv4Text.Format(options.Local)}");
        _underlay = underlay;
        var header = default(OuterHeader);
        header.Build(options, options.Remote ?? default, hasKey: options.Key != null || options.IsKeyByFlow);
        // Of the underlay's MTU: outer headers but Ethernet's, and the inner Ethernet header if it is carried.
        Overhead = header.Length - OuterHeader.EthernetLength + (options.Kind == TunnelKind.Ipip ? 0 : OuterHeader.EthernetLength);
        _queues = [.. Enumerable.Range(0, underlay.QueueCount).Select(index => new TunnelQueue(index, this, underlay))];
        _claim = underlay.Kernel == null ? null : Claim(options);
        try
        {
            underlay.Register(this);
        }
        catch
        {
            _claim?.Dispose();
            throw;
        }
    }

    public ushort Number { get; }

    public TunnelOptions Options { get; }

    public TunnelId Id { get; }

    /// <summary>Bytes of the underlay's MTU that inner IP packets cannot have.</summary>
    public int Overhead { get; }

    public string Name { get; }

    public string Backend
    {
        get
        {
            string remote = Options.Remote is { } address ? Ipv4Text.Format(address) : "wherever flows say";
            string key = Options.IsKeyByFlow ? ", key from flows" : Options.Key is { } number ? $", key {number}" : string.Empty;
            int mtu = ReadLink().Mtu;
            string longest = mtu == 0 ? string.Empty : $", packets up to {mtu} bytes";
            return $"{Options.Kind} tunnel from {Ipv4Text.Format(Options.Local)} to {remote} by {_underlay.Name}{key}{longest}";
        }
    }

    public MacAddress HardwareAddress { get; }

    /// <summary>False: inside a tunnel no device finishes anything.</summary>
    public bool TakesOffloads => false;

    /// <summary>Another process makes the same tunnel by its own underlay.</summary>
    public IDeviceHandover Handover => this;

    public IReadOnlyList<IPort> Queues => _queues;

    public TunnelQueue? QueueAt(int index) => index < _queues.Length ? _queues[index] : null;

    public PortLink ReadLink() => _underlay.LinkFor(Options.Remote, Overhead);

    /// <summary>Identifications go on, so that no fragment is taken for one of another packet's.</summary>
    public void SaveState(BinaryWriter state)
    {
        foreach (TunnelQueue queue in _queues)
        {
            state.Write(queue.Identification);
        }
    }

    public void Adopt(BinaryReader state)
    {
        foreach (TunnelQueue queue in _queues)
        {
            queue.Identification = state.ReadUInt16();
        }
    }

    public PortCounters ReadCounters() => default;

    public IEgressTrace? TraceEgress(IPort wire) => new TunnelTrace(this, _underlay, wire);

    public void Detach() => _underlay.Unregister(this);

    /// <summary>Claims the tunnel's protocol: the kernel gets copies of the tunnel's packets and would answer them with ICMP errors.</summary>
    private static ProtocolClaim Claim(TunnelOptions options)
    {
        try
        {
            return ProtocolClaim.Take(options.Local, options.Protocol, options.Port);
        }
        catch (SystemCallException e)
        {
            throw new PortException($"to keep the kernel from answering for it: {e.Message}", e);
        }
    }

    /// <summary>A no-op: a tunnel goes down with its underlay, or by the port's own configuration.</summary>
    public void SetAdministrativeState(bool up)
    {
    }

    public void Dispose()
    {
        _underlay.Unregister(this);
        _claim?.Dispose();
        foreach (TunnelQueue queue in _queues)
        {
            queue.Dispose();
        }
    }
}
