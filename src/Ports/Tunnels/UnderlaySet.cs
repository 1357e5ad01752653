using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Patch;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Ports.Tunnels;

/// <summary>Opens ports of a switch that has tunnels: knows which underlay each of them travels by.</summary>
/// <remarks>Threads: any; a device that takes long to open delays no other. Underlays are opened before their tunnels.</remarks>
internal sealed class UnderlaySet
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ushort, Underlay> _underlays = [];
    private readonly TimeProvider _time;

    private readonly PatchCables? _cables;

    /// <param name="time">For neighbours' ages.</param>
    /// <param name="cables">Of the process; null where there are none.</param>
    public UnderlaySet(TimeProvider? time = null, PatchCables? cables = null)
    {
        _time = time ?? TimeProvider.System;
        _cables = cables;
    }

    /// <summary>Opens a port in the calling thread's network namespace.</summary>
    /// <param name="number">The port's OpenFlow number.</param>
    /// <param name="beside">The port whose workers must serve this one too; null if any may.</param>
    /// <param name="offer">What another process has for the port; null if none has it.</param>
    /// <exception cref="PortException">It cannot be opened; the message is one line that names the port and the reason.</exception>
    public IPortDevice Open(ushort number, PortSpec spec, FramePool pool, out ushort? beside, DeviceOffer? offer = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        lock (_lock)
        {
            if (spec.IsTunnel)
            {
                return OpenTunnel(number, spec, out beside);
            }
            // An interface that returns finds its tunnels where they were.
            beside = _underlays.TryGetValue(number, out Underlay? known) && known.Tunnels.Devices is [{ Number: ushort tunnel }, ..] ? tunnel : null;
        }
        UnderlayOptions? options = UnderlayOptions.Read(spec);
        IPortDevice device = offer == null ? PortFactory.Open(spec, pool, _cables) : PortFactory.Take(spec, pool, offer);
        try
        {
            return options == null ? device : Wrap(number, device, options);
        }
        catch (PortException e)
        {
            throw new PortException($"port '{spec.Text}': {e.Message}", e);
        }
    }

    /// <summary>Makes a device that is open already an underlay; it is this one's then.</summary>
    /// <exception cref="PortException">Tunnels are there that knew the port by other addresses or routes.</exception>
    public IPortDevice Wrap(ushort number, IPortDevice device, UnderlayOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        lock (_lock)
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
            try
            {
                return new UnderlayDevice(number, device, underlay);
            }
            catch
            {
                device.Dispose();
                throw;
            }
        }
    }

    /// <summary>The underlay port of a tunnel: the port that it names, or the first that has its local address.</summary>
    /// <param name="spec">The tunnel's, for messages.</param>
    /// <param name="underlays">Ports with addresses, by number.</param>
    /// <exception cref="PortException">There is none.</exception>
    public static ushort Choose(PortSpec spec, TunnelOptions tunnel, IEnumerable<KeyValuePair<ushort, UnderlayOptions>> underlays)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(tunnel);
        List<KeyValuePair<ushort, UnderlayOptions>> candidates = [.. underlays.Where(pair => tunnel.Via is not { } via || pair.Key == via)];
        if (tunnel.Via != null && candidates.Count == 0)
        {
            throw new PortException($"port '{spec.Text}': via={tunnel.Via}: there is no such port with an address=");
        }
        foreach ((ushort number, UnderlayOptions underlay) in candidates)
        {
            if (underlay.Addresses.Any(prefix => prefix.Address == tunnel.Local))
            {
                return number;
            }
        }
        string reason = tunnel.Via == null
            ? "no port has this address=; give it to the port that the tunnel travels by"
            : $"is no address= of port {tunnel.Via}";
        throw new PortException($"port '{spec.Text}': local={spec.Options["local"]}: {reason}");
    }

    private TunnelDevice OpenTunnel(ushort number, PortSpec spec, out ushort? beside)
    {
        TunnelOptions options = TunnelOptions.Read(spec);
        ushort via = Choose(spec, options, _underlays.Select(pair => KeyValuePair.Create(pair.Key, pair.Value.Options)));
        try
        {
            beside = via;
            return new TunnelDevice(number, $"{spec.Kind.ToString().ToLowerInvariant()}{number}", options, _underlays[via]);
        }
        catch (PortException e)
        {
            throw new PortException($"port '{spec.Text}': {e.Message}", e);
        }
    }
}
