using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Tunnels;

/// <summary>Opens ports of a switch that has tunnels: knows which underlay each of them travels by.</summary>
/// <remarks>Threads: any; a device that takes long to open holds nobody up. Underlays are opened before their tunnels.</remarks>
public sealed class UnderlaySet
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ushort, Underlay> _underlays = [];
    private readonly TimeProvider _time;

    /// <param name="time">For neighbours' ages.</param>
    public UnderlaySet(TimeProvider? time = null) => _time = time ?? TimeProvider.System;

    /// <summary>Opens a port in the calling thread's network namespace.</summary>
    /// <param name="number">The port's OpenFlow number.</param>
    /// <param name="beside">The port whose workers must serve this one too; null if any may.</param>
    /// <exception cref="PortException">It cannot be opened; the message is one line that names the port and the reason.</exception>
    public IPortDevice Open(ushort number, PortSpec spec, FramePool pool, out ushort? beside)
    {
        ArgumentNullException.ThrowIfNull(spec);
        lock (_gate)
        {
            if (spec.IsTunnel)
            {
                return OpenTunnel(number, spec, out beside);
            }
            // An interface that returns finds its tunnels where they were.
            beside = _underlays.TryGetValue(number, out Underlay? known) && known.Tunnels.Devices is [{ Number: ushort tunnel }, ..] ? tunnel : null;
        }
        UnderlayOptions? options = UnderlayOptions.Read(spec);
        IPortDevice device = PortFactory.Open(spec, pool);
        return options == null ? device : Wrap(number, device, options);
    }

    /// <summary>Makes a device that is open already an underlay; it is this one's then.</summary>
    /// <exception cref="PortException">Tunnels are there that knew the port by other addresses or routes.</exception>
    public IPortDevice Wrap(ushort number, IPortDevice device, UnderlayOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        lock (_gate)
        {
            if (!_underlays.TryGetValue(number, out Underlay? underlay) || underlay.Tunnels.Devices.Count == 0)
            {
                underlay = new Underlay($"port {number}", options, _time);
                _underlays[number] = underlay;
            }
            else if (!underlay.Options.IsSame(options))
            {
                device.Dispose();
                throw new PortException($"tunnels travel by port {number} with {string.Join(", ", underlay.Options.Addresses)}; remove them first");
            }
            return new UnderlayDevice(device, underlay);
        }
    }

    private TunnelDevice OpenTunnel(ushort number, PortSpec spec, out ushort? beside)
    {
        TunnelOptions options = TunnelOptions.Read(spec);
        (ushort via, Underlay? underlay) = options.Via is { } port
            ? (port, _underlays.GetValueOrDefault(port))
            : _underlays.Where(pair => pair.Value.IsLocal(options.Local.Raw)).Select(pair => (pair.Key, (Underlay?)pair.Value)).FirstOrDefault();
        if (underlay == null)
        {
            throw new PortException(options.Via == null
                ? $"port '{spec.Text}': local={Ipv4Text.Format(options.Local)}: no port has this address=; give it to the port that the tunnel travels by"
                : $"port '{spec.Text}': via={options.Via}: there is no such port with an address=");
        }
        if (!underlay.IsLocal(options.Local.Raw))
        {
            throw new PortException($"port '{spec.Text}': local={Ipv4Text.Format(options.Local)}: is no address= of port {via}");
        }
        try
        {
            beside = via;
            return new TunnelDevice(number, $"{spec.Kind.ToString().ToLowerInvariant()}{number}", options, underlay);
        }
        catch (PortException e)
        {
            throw new PortException($"port '{spec.Text}': {e.Message}", e);
        }
    }
}
