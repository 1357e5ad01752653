using System.Globalization;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.KernelOffload;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Null;
using Softswitch.Ports.Patch;
using Softswitch.Ports.Pcap;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tap;
using Softswitch.Ports.VhostUser;

namespace Softswitch.Ports.Opening;

/// <summary>Opens the device a specification names, but for tunnels, which <see cref="Tunnels.UnderlaySet"/> opens, and cards' ports, which <c>CardSet</c> does.</summary>
internal static class PortFactory
{
    private const int MaxQueues = 256; // of a TAP device, MAX_TAP_QUEUES in drivers/net/tun.c; few cards have more

    /// <summary>Opens a port in the calling thread's network namespace.</summary>
    /// <param name="spec">What to open.</param>
    /// <param name="pool">The switch's frames, for backends that give their memory to the kernel.</param>
    /// <param name="cables">Of the process; null where there are none.</param>
    /// <exception cref="PortException">It cannot be opened; the message is one line that names the port and the reason.</exception>
    public static IPortDevice Open(PortSpec spec, FramePool pool, PatchCables? cables = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(pool);
        string port = $"port '{spec.Text}'";
        try
        {
            return spec.Kind switch
            {
                PortKind.Interface => InterfaceChoice.Open(port, spec.Target, pool, ReadXdpOptions(spec, port), ReadRingOptions(spec, port)),
                PortKind.Packet => AfPacketPort.Open(port, spec.Target, ReadRingOptions(spec, port)),
                PortKind.Xdp => AfXdpPort.Open(port, spec.Target, pool, ReadXdpOptions(spec, port)),
                PortKind.Tap => OpenTap(spec, port),
                PortKind.VhostUser => VhostUserPort.Open(port, spec.Target, ReadIsServer(spec, port), ReadQueues(spec, port, VhostUserPort.MostQueues) ?? 1),
                PortKind.Replay => ReplayPort.Open(FileName("replay", spec.Target), spec.Target, spec.Options.ContainsKey("once")),
                PortKind.Pcap => PcapWriterPort.Open(FileName("pcap", spec.Target), spec.Target),
                PortKind.Patch => cables?.Open(port, spec.Target, pool) ?? throw new PortException($"{port}: there are no patch cables here"),
                PortKind.Null => new NullPort(spec.Number is ushort number ? $"null{number}" : "null"),
#if WITH_SHARPPCAP
                PortKind.PcapLib => PcapLib.PcapLibPort.Open(port, spec.Target),
#else
                PortKind.PcapLib => throw new PortException(
                    $"{port}: SharpPcap is not in this build: docs/ports.md says how to build with it (WithSharpPcap=true); packet:{spec.Target} needs no such build"),
#endif
                PortKind.NetFpga => throw new PortException($"{port}: is a port of a NetFPGA card, which the switch has to be started with (--netfpga)"),
                _ => throw new PortException($"{port}: {spec.Kind.ToString().ToLowerInvariant()}: works only as a port of a switch"),
            };
        }
        catch (PortException e) when (!e.Message.StartsWith(port, StringComparison.Ordinal))
        {
            throw new PortException($"{port}: {e.Message}", e);
        }
    }

    /// <summary>Opens a port whose flows are in the kernel, or by another backend if they need not and cannot be; in the calling thread's network namespace.</summary>
    /// <param name="spec">One that <see cref="PortSpec.MayBeOffloaded"/>.</param>
    /// <param name="number">The number the port will have.</param>
    /// <param name="open">Has the tables that the flows are to be in; throws <see cref="PortException"/>.</param>
    /// <exception cref="PortException">As for <see cref="Open"/>.</exception>
    public static IPortDevice OpenOffloaded(PortSpec spec, ushort number, FramePool pool, Func<KernelOffloadPorts> open)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(open);
        string port = $"port '{spec.Text}'";
        AfPacketOptions rings = ReadRingOptions(spec, port);
        string noXdp = string.Empty;
        if (!spec.MustBeOffloaded && spec.Kind == PortKind.Interface && InterfaceChoice.IsForXdp(port, spec.Target, out _)
            && InterfaceChoice.TryOpenXdp(port, spec.Target, pool, ReadXdpOptions(spec, port), out noXdp) is { } xdp)
        {
            return xdp;
        }
        string reason;
        if (!spec.MustBeOffloaded && InterfaceUsers.Find(port, spec.Target) is string user)
        {
            reason = $"{user}, and the host would get none of its packets";
        }
        else
        {
            try
            {
                return open().Open(port, number, spec.Target, rings, noXdp);
            }
            catch (PortException e)
            {
                reason = e.Message.Replace($"{port}: ", string.Empty, StringComparison.Ordinal);
                if (spec.MustBeOffloaded)
                {
                    throw new PortException($"{port}: offload=on: {reason}", e);
                }
            }
        }
        string both = noXdp.Length > 0 ? $"{noXdp}; " : string.Empty;
        return AfPacketPort.Open(port, spec.Target, rings, $"{both}no flows in the kernel: {reason}"); // says so, too, if it is the interface that cannot be had
    }

    /// <summary>As <see cref="Take"/>, of a port whose flows are in the kernel.</summary>
    /// <param name="number">The number the port will have.</param>
    /// <param name="open">Has the tables that the flows are to be in.</param>
    /// <exception cref="PortException">As for <see cref="Take"/>.</exception>
    public static IPortDevice TakeOffloaded(PortSpec spec, ushort number, Func<KernelOffloadPorts> open, DeviceOffer offer) =>
        TakeWith(spec, offer, port => open().Take(port, number, offer));

    /// <summary>Makes a device of what another process offers, in the calling thread's network namespace: <see cref="IDeviceHandover"/>.</summary>
    /// <param name="spec">The port's, as given to this process; the present owner's says the same but for its number.</param>
    /// <param name="pool">The switch's frames: in its present owner's memory if that has a descriptor.</param>
    /// <param name="offer">Its descriptors are the device's from now on, and closed if none is made; what makes one of them leaves that to this.</param>
    /// <exception cref="PortException">It cannot be made; the message is one line that names the port and the reason.</exception>
    public static IPortDevice Take(PortSpec spec, FramePool pool, DeviceOffer offer)
    {
        ArgumentNullException.ThrowIfNull(pool);
        return TakeWith(spec, offer, port => offer.Kind switch
        {
            AfPacketPort.OfferKind => AfPacketPort.Take(port, offer),
            TapPort.OfferKind => TapPort.Take(port, offer),
            VhostUserPort.OfferKind => VhostUserPort.Take(port, offer),
            AfXdpPort.OfferKind => AfXdpPort.Take(port, pool, offer),
            _ when offer.Kind != DeviceOffer.Anew.Kind => throw new PortException($"{port}: a device of kind '{offer.Kind}' cannot be taken over by this version"),
            _ when spec.Kind == PortKind.Pcap => PcapWriterPort.Continue(FileName("pcap", spec.Target), spec.Target),
            _ => Open(spec, pool),
        });
    }

    private static IPortDevice TakeWith(PortSpec spec, DeviceOffer offer, Func<string, IPortDevice> take)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(offer);
        string port = $"port '{spec.Text}'";
        try
        {
            return take(port);
        }
        catch (Exception e) when (e is PortException or InvalidDataException or IOException or FormatException or ArgumentException)
        {
            foreach (int descriptor in offer.Descriptors)
            {
                _ = Libc.close(descriptor);
            }
            throw e is PortException && e.Message.StartsWith(port, StringComparison.Ordinal) ? e : new PortException($"{port}: it cannot be taken over: {e.Message}", e);
        }
    }

    /// <summary>Frames of the pool that a port may take for itself: what the pool must have beyond those for packets under way.</summary>
    /// <remarks>Looks at the interface, in the calling thread's network namespace.</remarks>
    /// <exception cref="PortException">An option of the port is wrong.</exception>
    public static int FramesTakenBy(PortSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Kind is not (PortKind.Xdp or PortKind.Interface))
        {
            return 0;
        }
        string port = $"port '{spec.Text}'";
        AfXdpOptions options = ReadXdpOptions(spec, port);
        try
        {
            using LinuxInterface device = LinuxInterface.Open(port, spec.Target);
            bool mayBeXdp = spec.Kind == PortKind.Xdp || (!spec.MustBeOffloaded && InterfaceChoice.IsForXdp(device, out _));
            return mayBeXdp ? options.FramesPerQueue * EthtoolDevice.ReadQueues(device).Receive : 0;
        }
        catch (PortException)
        {
            return spec.Kind == PortKind.Xdp ? options.FramesPerQueue * (options.Queues ?? 1) : 0; // it may come yet
        }
    }

    /// <summary>Whether the calling thread's network namespace has the interface that the port is about.</summary>
    /// <exception cref="PortException">The system refuses to say.</exception>
    public static bool HasInterface(PortSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Kind is PortKind.Interface or PortKind.Packet or PortKind.Xdp or PortKind.Tap or PortKind.PcapLib or PortKind.NetFpga
            && LinuxInterface.IsThere($"port '{spec.Text}'", spec.Target);
    }

    /// <summary>Whether the port is an interface that its network namespace, the calling thread's, does not have yet. A TAP device is made, so it never is.</summary>
    /// <exception cref="PortException">An option of the port is wrong, or the system refuses to say.</exception>
    public static bool IsAbsent(PortSpec spec)
    {
        if (FindMistake(spec) is { } mistake) // checked now, so that the user need not wait for the interface to learn of it
        {
            throw new PortException(mistake);
        }
        bool isWaitedFor = spec.Kind is PortKind.Packet or PortKind.Interface or PortKind.Xdp;
#if WITH_SHARPPCAP
        isWaitedFor |= spec.Kind == PortKind.PcapLib;
#endif
        return isWaitedFor && !LinuxInterface.IsThere($"port '{spec.Text}'", spec.Target);
    }

    /// <summary>The mistake in a port's options, found without its interface; null if there is none. Options of tunnels are read elsewhere.</summary>
    public static string? FindMistake(PortSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        string port = $"port '{spec.Text}'";
        try
        {
            switch (spec.Kind)
            {
                case PortKind.Packet:
                    ReadRingOptions(spec, port);
                    CheckOffload(spec, port);
                    break;
                case PortKind.Interface:
                    ReadXdpOptions(spec, port);
                    CheckOffload(spec, port);
                    break;
                case PortKind.Xdp:
                    ReadXdpOptions(spec, port);
                    break;
                case PortKind.Tap:
                    ReadQueues(spec, port);
                    break;
                case PortKind.VhostUser:
                    ReadQueues(spec, port, VhostUserPort.MostQueues);
                    ReadIsServer(spec, port);
                    VhostUserPort.CheckPath(port, spec.Target);
                    break;
            }
            return null;
        }
        catch (PortException e)
        {
            return e.Message;
        }
    }

    private static TapPort OpenTap(PortSpec spec, string port)
    {
        int queues = ReadQueues(spec, port) ?? 1;
        return spec.Network is { } elsewhere
            ? elsewhere.Run(() => TapPort.Open(port, spec.Target, queues, spec.IsReturning, isHere: false))
            : TapPort.Open(port, spec.Target, queues, spec.IsReturning);
    }

    private static AfPacketOptions ReadRingOptions(PortSpec spec, string port) => new(ReadSlots(spec, port, "rx-slots"), ReadSlots(spec, port, "tx-slots"));

    private static void CheckOffload(PortSpec spec, string port)
    {
        if (spec.Options.GetValueOrDefault(PortSpec.OffloadKey) is string value && value is not ("on" or "off"))
        {
            throw new PortException($"{port}: offload={value}: is neither on nor off");
        }
        if (spec.MustBeOffloaded && spec.Options.ContainsKey(PortSpec.AddressKey))
        {
            throw new PortException($"{port}: offload=on: what tunnels travel by is looked at before the flow table; leave out {PortSpec.AddressKey}= or offload=on");
        }
    }

    private static AfXdpOptions ReadXdpOptions(PortSpec spec, string port)
    {
        var otherwise = new AfXdpOptions();
        string? mode = spec.Options.GetValueOrDefault("mode");
        return new AfXdpOptions(
            ReadSlots(spec, port, "rx-slots") ?? otherwise.ReceiveSlots,
            ReadSlots(spec, port, "tx-slots") ?? otherwise.TransmitSlots,
            mode switch
            {
                null => XdpMode.Best,
                "native" => XdpMode.Native,
                "generic" => XdpMode.Generic,
                _ => throw new PortException($"{port}: mode={mode}: is neither native nor generic"),
            },
            ReadQueues(spec, port));
    }

    private static int? ReadQueues(PortSpec spec, string port, int most = MaxQueues)
    {
        if (!spec.Options.TryGetValue("queues", out string? text))
        {
            return null;
        }
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count >= 1 && count <= most
            ? count
            : throw new PortException($"{port}: queues={text}: is not a number from 1 to {most}");
    }

    private static bool ReadIsServer(PortSpec spec, string port)
    {
        bool isServer = spec.Options.ContainsKey("server");
        return isServer && spec.Options.ContainsKey("client")
            ? throw new PortException($"{port}: it is either server or client")
            : isServer;
    }

    private static int? ReadSlots(PortSpec spec, string port, string key)
    {
        if (!spec.Options.TryGetValue(key, out string? text))
        {
            return null;
        }
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && RingSlots.IsValid(count)
            ? count
            : throw new PortException($"{port}: {key}={text}: {RingSlots.Rule}");
    }

    /// <summary>A name for controllers, which see 15 bytes of it: the kind and the file's own name.</summary>
    private static string FileName(string kind, string path) => $"{kind}:{Path.GetFileName(path)}";
}
