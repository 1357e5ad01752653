using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Ports.AfXdp;

/// <summary>Opens an AF_XDP port step by step: checks that the interface is fit, then program, sockets and what else the port has.</summary>
internal static class AfXdpOpening
{
    /// <summary>Opens all parts, on an interface that is locked.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="parts">Gets the parts one by one; if this throws, what was opened is the caller's to close.</param>
    /// <param name="pool">The switch's frames.</param>
    /// <exception cref="PortException">The interface is unfit, or the system refuses.</exception>
    /// <exception cref="SystemCallException">The system refuses.</exception>
    public static void SetUp(string port, AfXdpParts parts, FramePool pool)
    {
        (LinuxInterface device, AfXdpOptions options) = (parts.Device, parts.Options);
        int queues = CheckFit(port, device, pool, options);
        string driver = EthtoolDevice.ReadDriver(device, out bool isHardware);
        VlanOffload.Recover(device);
        parts.VlanOffload = VlanOffload.SwitchOff(device);
        parts.Program = XdpProgram.Attach(port, device, options.Mode, queues);
        // A card finishes checksums as it sends, and so does a virtual card's driver (virtio_net) that runs the program itself.
        parts.HidesPartialChecksums = !isHardware || !parts.Program.IsNative;
        parts.Promiscuous = TransmitRing.OpenSender(port, device.Index);
        UmemCopying copying = !parts.Program.IsNative ? UmemCopying.Copy
            : isHardware ? UmemCopying.ZeroCopyIfPossible
            : UmemCopying.CopyUnlessFirst;
        parts.KeepLedgers(SharedMemory.Create("softswitch-ledger", AfXdpParts.LedgerBytes(pool, queues)), pool, queues);
        for (int queue = 0; queue < queues; queue++)
        {
            AfXdpSocket socket = AfXdpSocket.Open(port, device, queue, parts.Ledgers[queue], options, copying, parts.SegmentSocket);
            parts.Sockets.Add(socket);
            CheckMtu(port, device, pool, socket.Binding);
            copying = socket.Binding.IsZeroCopy ? UmemCopying.ZeroCopyIfPossible : UmemCopying.Copy; // the other sockets share the first one's umem
        }
        for (int queue = 0; queue < queues; queue++)
        {
            parts.Program.Serve(port, queue, parts.Sockets[queue].Descriptor); // last: from here on packets arrive
        }
        parts.Backend = Describe(driver, parts);
    }

    /// <returns>Queues of the interface, all of which are to be served.</returns>
    private static int CheckFit(string port, LinuxInterface device, FramePool pool, AfXdpOptions options)
    {
        if (!options.HasValidSlots)
        {
            throw new PortException($"{port}: {RingSlots.Rule}");
        }
        CheckMtu(port, device, pool, default(UmemBinding) with { IsMultiBuffer = true });
        if (pool.IsInUse)
        {
            throw new PortException($"{port}: another switch has the frames until they are taken over; an AF_XDP port that it has not got is to be added afterwards (softswitch port add)");
        }
        (int queues, int transmit) = EthtoolDevice.ReadQueues(device);
        if (transmit < queues)
        {
            throw new PortException(
                $"{port}: interface {device.Name} receives by {queues} queues and sends by {transmit}, and AF_XDP wants one to send by for each: ethtool -L {device.Name} rx {transmit} (or tx {queues})");
        }
        if (options.Queues is int asked && asked != queues)
        {
            throw new PortException(
                $"{port}: interface {device.Name} receives by {queues} queues, all of which must be served; for queues={asked}: ethtool -L {device.Name} combined {asked} (or rx {asked} tx {asked})");
        }
        return queues;
    }

    private static void CheckMtu(string port, LinuxInterface device, FramePool pool, in UmemBinding binding)
    {
        int most = binding.LongestPayload(pool.FrameSize);
        if (device.Mtu > most)
        {
            int longest = binding.LongestPayload(FramePool.LongestFrameSize);
            string frames = device.Mtu <= longest ? $", or {longest} with --frame-size {FramePool.LongestFrameSize}" : string.Empty;
            string why = binding.IsMultiBuffer ? string.Empty : "; for more the kernel (Linux 6.6 or later is wanted) has to know packets of several frames";
            throw new PortException($"{port}: interface {device.Name} has an MTU of {device.Mtu}; AF_XDP takes {most} at most{frames}{why}");
        }
    }

    private static string Describe(string driver, AfXdpParts parts)
    {
        LinuxInterface device = parts.Device;
        XdpProgram program = parts.Program!;
        UmemBinding binding = parts.Sockets[0].Binding;
        string copying = parts.Sockets.TrueForAll(socket => socket.Binding.IsZeroCopy) ? "zero-copy" : "copy";
        string queues = parts.Sockets.Count > 1 ? $", {parts.Sockets.Count} queues" : string.Empty;
        List<string> said = [$"AF_XDP: {(program.IsNative ? "native" : "generic")}, {copying}, need_wakeup, {(binding.IsShared ? "shared" : "own")} umem{queues}"];
        if (program.NativeRefusal.Length > 0)
        {
            said.Add($"{driver} refuses native mode ({program.NativeRefusal})");
        }
        if (binding.ZeroCopyRefusal.Length > 0)
        {
            said.Add($"{driver} refuses zero-copy ({binding.ZeroCopyRefusal})");
        }
        if (!binding.IsMultiBuffer && !binding.IsZeroCopy)
        {
            said.Add("a packet must fit a frame (Linux 6.6 or later is wanted for more)");
        }
        if (driver == "veth")
        {
            said.Add(program.IsNative
                ? "tags of VLAN interfaces on the peer are lost unless it has 'ethtool -K PEER txvlan off'"
                : "segments longer than the MTU, and tags of VLAN interfaces, are lost unless the peer has 'ethtool -K PEER tso off gso off txvlan off'");
        }
        if (driver == "tun")
        {
            said.Add($"segments longer than the MTU are lost: tap:{device.Name} carries them");
        }
        if (parts.VlanOffload!.HidesTags)
        {
            said.Add("VLAN TAGS ARE LOST: the driver does not let go of rx-vlan-offload");
        }
        if (!device.WasUp)
        {
            said.Add("the interface is down and stays so");
        }
        return string.Join("; ", said);
    }
}

/// <summary>How an AF_XDP port is opened.</summary>
/// <param name="ReceiveSlots">Frames of the pool kept ready for packets that arrive at each queue, a power of two from 32 to 65536.</param>
/// <param name="TransmitSlots">Frames of the pool that may wait for the device in each queue; as above.</param>
/// <param name="Mode">Where the program is to run.</param>
/// <param name="Queues">How many queues the interface must have; null to take as many as it has.</param>
internal sealed record AfXdpOptions(int ReceiveSlots = 4096, int TransmitSlots = 2048, XdpMode Mode = XdpMode.Best, int? Queues = null)
{
    public bool HasValidSlots => RingSlots.IsValid(ReceiveSlots) && RingSlots.IsValid(TransmitSlots);

    /// <summary>Frames each queue may have at a time.</summary>
    public int FramesPerQueue => ReceiveSlots + TransmitSlots;
}

/// <summary>Where an XDP program runs.</summary>
internal enum XdpMode
{
    /// <summary>In the driver; where it has no place for one, or not for the interface as it is set up, in the kernel's generic hook.</summary>
    Best,

    /// <summary>In the driver (XDP_FLAGS_DRV_MODE).</summary>
    Native,

    /// <summary>In the kernel, on finished socket buffers (XDP_FLAGS_SKB_MODE): any device, slower.</summary>
    Generic,
}
