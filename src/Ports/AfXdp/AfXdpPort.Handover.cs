using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Ports.AfXdp;

/// <remarks>
/// <para>
/// Handed over, sockets, program, promiscuous mode, lock and ledger are the other process's as they are. The kernel has pinned the frames and knows them by their
/// offsets, so a process that maps the same memory, wherever, goes on with the same rings.
/// </para>
/// <para>
/// Where a ring stands is in the ring: while workers are stopped we have submitted all that we reserved, and released all that we read. Which frames the socket has is in the
/// ledger. All others are free in the other process: whatever they held here was sent along or is done with.
/// </para>
/// </remarks>
internal sealed partial class AfXdpPort : IDeviceHandover
{
    /// <summary>What an offer of this backend is called.</summary>
    public const string OfferKind = "xdp";

    // Beside the sockets: promiscuous mode and segments, lock, map, link, ledger.
    private const int OtherDescriptors = 5;

    public IDeviceHandover Handover => this;

    /// <summary>Goes on with the sockets of another process once it is told to: <see cref="IDeviceHandover.Adopt"/>.</summary>
    /// <param name="port">What errors call the port.</param>
    /// <param name="pool">In the other process's memory, of which nothing is free yet.</param>
    /// <param name="offer">As <see cref="Offer"/> made it, in the interface's network namespace. Its descriptors stay the caller's if this throws.</param>
    /// <exception cref="PortException">The interface is not here, the pool is another, or the system refuses.</exception>
    /// <exception cref="InvalidDataException">It makes no sense.</exception>
    public static AfXdpPort Take(string port, FramePool pool, DeviceOffer offer)
    {
        using BinaryReader record = offer.ReadRecord();
        LinuxInterface device = LinuxInterface.Find(port, record.ReadInt32());
        var parts = new Parts();
        try
        {
            return Take(port, pool, offer.Descriptors, record, device, parts);
        }
        catch (Exception e)
        {
            parts.Sockets.ForEach(socket => socket.Unmap());
            parts.LedgerMemory?.Unmap();
            device.Dispose();
            throw e is SystemCallException ? new PortException($"{port}: {e.Message}", e) : e;
        }
    }

    public DeviceOffer Offer()
    {
        FramePool pool = _parts.Ledgers[0].Pool;
        if (pool.MemoryDescriptor < 0)
        {
            throw new NotSupportedException(
                $"AF_XDP port {Name}: this switch was started without such a port, and its frames are in memory that no other process can map");
        }
        if (_parts.Sockets.Count + OtherDescriptors > DeviceOffer.MostDescriptors)
        {
            throw new NotSupportedException($"AF_XDP port {Name}: {_parts.Sockets.Count} queues are more than can be handed over");
        }
        using DeviceRecord record = new();
        record.Write(InterfaceIndex);
        record.Write(pool.FrameCount);
        record.Write(pool.FrameSize);
        record.Write(_options.ReceiveSlots);
        record.Write(_options.TransmitSlots);
        record.Write(_parts.Program!.IsNative);
        record.Write(HidesPartialChecksums);
        record.Write(_parts.VlanOffload!.HidesTags);
        record.Write(Backend);
        foreach (AfXdpSocket socket in _parts.Sockets)
        {
            record.Write(socket.Binding.IsZeroCopy);
            record.Write(socket.Binding.IsMultiBuffer);
        }
        (int map, int link) = _parts.Program!.Descriptors;
        return new DeviceOffer(
            OfferKind,
            record.ToArray(),
            [_parts.Promiscuous, _parts.Lock!.Descriptor, map, link, _parts.LedgerMemory!.Descriptor, .. _parts.Sockets.Select(socket => socket.Descriptor)]);
    }

    public void SaveState(BinaryWriter state)
    {
        _interface.SaveFound(state);
        state.Write(_parts.VlanOffload!.IsOwed);
        _parts.Sockets.ForEach(socket => socket.Queue.Save(state));
    }

    public void Yield()
    {
        lock (_lock)
        {
            _parts.Share(true);
            _parts.VlanOffload!.IsOwed = false;
        }
    }

    public void Adopt(BinaryReader state)
    {
        lock (_lock)
        {
            _interface.RestoreFound(state);
            _parts.VlanOffload!.IsOwed = state.ReadBoolean();
            _parts.Sockets.ForEach(socket => socket.Queue.Restore(state));
            _parts.Lock!.Own();
            _parts.Share(false);
        }
    }

    private static AfXdpPort Take(string port, FramePool pool, IReadOnlyList<int> descriptors, BinaryReader record, LinuxInterface device, Parts parts)
    {
        int queues = descriptors.Count - OtherDescriptors;
        if (queues < 1)
        {
            throw new InvalidDataException($"it comes with {descriptors.Count} descriptors, too few");
        }
        int frameCount = record.ReadInt32();
        int frameSize = record.ReadInt32();
        if (frameCount != pool.FrameCount || frameSize != pool.FrameSize)
        {
            throw new PortException(
                $"{port}: the running switch has {frameCount} frames of {frameSize} bytes, and this one {pool.FrameCount} of {pool.FrameSize}: --frames and --frame-size must be the same");
        }
        var options = new AfXdpOptions(record.ReadInt32(), record.ReadInt32());
        if (!RingSlots.IsValid(options.ReceiveSlots) || !RingSlots.IsValid(options.TransmitSlots))
        {
            throw new InvalidDataException(RingSlots.Rule);
        }
        bool isNative = record.ReadBoolean();
        bool mayBePartial = record.ReadBoolean();
        parts.VlanOffload = VlanOffload.Of(device, record.ReadBoolean());
        string backend = record.ReadString();
        parts.LedgerMemory = SharedMemory.Of(descriptors[4], LedgerBytes(pool, queues));
        parts.KeepLedgers(pool, queues);
        for (int queue = 0; queue < queues; queue++)
        {
            int socket = descriptors[OtherDescriptors + queue];
            var binding = new UmemBinding(IsShared: true, IsZeroCopy: record.ReadBoolean(), IsMultiBuffer: record.ReadBoolean(), string.Empty);
            parts.Sockets.Add(AfXdpSocket.Of(port, device, socket, parts.Ledgers[queue], options, binding, mayBePartial ? descriptors[0] : -1));
        }
        parts.Promiscuous = descriptors[0];
        parts.Lock = InterfaceLock.Of(descriptors[1]);
        parts.Program = XdpProgram.Of(descriptors[2], descriptors[3], isNative);
        parts.Share(true);
        return new AfXdpPort(device, parts, options, mayBePartial, backend);
    }

    private static nuint LedgerBytes(FramePool pool, int queues) => (nuint)pool.FrameCount * (nuint)queues;
}
