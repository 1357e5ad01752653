using System.Runtime.InteropServices;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.VhostUser;
using static Softswitch.Ports.VhostUser.VhostUserRequest;

namespace Softswitch.Lab.Machines;

/// <summary>The front-end's end of a vhost-user socket (QEMU's docs/interop/vhost-user.rst): listens, and gives a card to the switch that comes.</summary>
/// <remarks>Threads: one.</remarks>
internal sealed class FrontEnd : IDisposable
{
    private const ulong Features =
        VirtioFeatures.VIRTIO_F_VERSION_1 | VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF | VirtioFeatures.VHOST_USER_F_PROTOCOL_FEATURES;

    private const uint ReceivingRing = 0;
    private const uint SendingRing = 1;
    private const ulong NoDescriptor = 0x100; // VHOST_USER_VRING_NOFD_MASK: the guest polls
    private const int Patience = 30_000; // milliseconds
    private const int Poll = 10;

    private readonly UnixListener _listener;
    private DescriptorSocket? _socket;

    public FrontEnd(string path)
    {
        Path = path;
        _listener = UnixListener.Open(path);
    }

    /// <summary>Where it listens.</summary>
    public string Path { get; }

    /// <summary>Waits for the switch and sets both of the card's rings up; packets pass once the switch has followed.</summary>
    /// <exception cref="TestbedException">No switch comes, or it cannot do what the card needs.</exception>
    public void Meet(PollingCard card, CancellationToken cancellation)
    {
        for (int waited = 0; (_socket = _listener.TryAccept()) == null; waited += Poll)
        {
            if (waited > Patience)
            {
                throw new TestbedException($"no switch comes to {Path}");
            }
            cancellation.WaitHandle.WaitOne(Poll);
            cancellation.ThrowIfCancellationRequested();
        }
        try
        {
            Offer(card);
        }
        catch (Exception e) when (e is SystemCallException or EndOfStreamException)
        {
            throw new TestbedException($"the switch at {Path} goes away: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        _socket?.Dispose();
        _listener.Dispose();
    }

    private void Offer(PollingCard card)
    {
        ulong offered = Ask<ulong>(VHOST_USER_GET_FEATURES);
        if ((offered & Features) != Features)
        {
            throw new TestbedException($"the switch at {Path} offers the features 0x{offered:x}, not all of 0x{Features:x}");
        }
        _ = Ask<ulong>(VHOST_USER_GET_PROTOCOL_FEATURES);
        Send(VHOST_USER_SET_PROTOCOL_FEATURES, 0ul);
        Send(VHOST_USER_SET_OWNER, []);
        Send(VHOST_USER_SET_FEATURES, Features);
        GuestRegion region = card.Region;
        Send(VHOST_USER_SET_MEM_TABLE, new OneRegion(1, 0, new RegionMessage(region.GuestAddress, region.Size, region.UserAddress, region.MmapOffset)), region.Descriptor);
        Start(ReceivingRing, card.Receiving, card);
        Start(SendingRing, card.Sending, card);
        Send(VHOST_USER_SET_VRING_ENABLE, new RingStateMessage(ReceivingRing, 1));
        Send(VHOST_USER_SET_VRING_ENABLE, new RingStateMessage(SendingRing, 1));
    }

    private void Start(uint index, DriverRing ring, PollingCard card)
    {
        RingAddresses at = ring.Addresses;
        Send(VHOST_USER_SET_VRING_NUM, new RingStateMessage(index, DriverRing.Size));
        Send(VHOST_USER_SET_VRING_BASE, new RingStateMessage(index, 0));
        Send(VHOST_USER_SET_VRING_ADDR, new RingAddressMessage(index, 0, at.Descriptors, at.Used, at.Available, 0));
        Send(VHOST_USER_SET_VRING_CALL, index | NoDescriptor);
        Send(VHOST_USER_SET_VRING_KICK, (ulong)index, card.Kick);
    }

    private void Send<T>(VhostUserRequest request, T payload, params ReadOnlySpan<int> descriptors)
        where T : unmanaged => Send(request, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in payload)), descriptors);

    private void Send(VhostUserRequest request, ReadOnlySpan<byte> payload, params ReadOnlySpan<int> descriptors)
    {
        byte[] message = new byte[VhostUserHeader.Bytes + payload.Length];
        MemoryMarshal.Write(message, new VhostUserHeader((uint)request, VhostUserHeader.Version, (uint)payload.Length));
        payload.CopyTo(message.AsSpan(VhostUserHeader.Bytes));
        _socket!.Send(message, descriptors, Patience);
    }

    private unsafe T Ask<T>(VhostUserRequest request)
        where T : unmanaged
    {
        Send(request, []);
        byte[] reply = new byte[VhostUserHeader.Bytes + sizeof(T)];
        _socket!.Receive(reply, [], Patience);
        VhostUserHeader header = MemoryMarshal.Read<VhostUserHeader>(reply);
        return header.Request == (uint)request && header.Size == sizeof(T)
            ? MemoryMarshal.Read<T>(reply.AsSpan(VhostUserHeader.Bytes))
            : throw new TestbedException($"the switch at {Path} answers {request} with message {header.Request} of {header.Size} bytes");
    }

    /// <summary>VHOST_USER_SET_MEM_TABLE with one region.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct OneRegion(uint Count, uint Padding, RegionMessage Region);
}
