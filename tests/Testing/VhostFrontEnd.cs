using System.Runtime.InteropServices;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.VhostUser;
using Xunit;
using static Softswitch.Ports.VhostUser.VhostUserRequest;

namespace Softswitch.Testing;

/// <summary>
/// The other side of a vhost-user socket, as a hypervisor would be: shares a guest's memory, and sends messages, right or wrong.
/// </summary>
/// <remarks>The guest is the caller's: it may outlive the connection. Threads: one at a time.</remarks>
internal sealed unsafe class VhostFrontEnd : IDisposable
{
    private const int Patience = 20_000;

    private readonly DescriptorSocket _socket;

    public VhostFrontEnd(DescriptorSocket socket, GuestRam memory)
    {
        _socket = socket;
        Memory = memory;
    }

    public GuestRam Memory { get; }

    /// <summary>Two ends of one connection.</summary>
    public static (DescriptorSocket FrontEnd, DescriptorSocket BackEnd) Pair()
    {
        int* pair = stackalloc int[2];
        Assert.Equal(0, Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0, pair));
        return (DescriptorSocket.Take(pair[0]), DescriptorSocket.Take(pair[1]));
    }

    /// <summary>Meets a port that is a server at the path.</summary>
    public static VhostFrontEnd Connect(string path, GuestRam memory) => new(DescriptorSocket.Connect(path), memory);

    /// <summary>Meets a port that is a client of the path.</summary>
    public static VhostFrontEnd Accept(UnixListener listener, GuestRam memory)
    {
        DescriptorSocket? socket = null;
        Eventually.True(() => (socket = listener.TryAccept()) != null, "the port connects");
        return new VhostFrontEnd(socket!, memory);
    }

    /// <summary>A message's bytes.</summary>
    public static byte[] Bytes(VhostUserRequest request, ReadOnlySpan<byte> payload, uint flags = 0)
    {
        byte[] message = new byte[VhostUserHeader.Bytes + payload.Length];
        MemoryMarshal.Write(message, new VhostUserHeader((uint)request, VhostUserHeader.Version | flags, (uint)payload.Length));
        payload.CopyTo(message.AsSpan(VhostUserHeader.Bytes));
        return message;
    }

    public void SendRaw(ReadOnlySpan<byte> bytes, params ReadOnlySpan<int> descriptors) => _socket.Send(bytes, descriptors, Patience);

    public void Send(VhostUserRequest request) => SendRaw(Bytes(request, []));

    public void Send<T>(VhostUserRequest request, T payload, params ReadOnlySpan<int> descriptors)
        where T : unmanaged => SendRaw(Bytes(request, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in payload))), descriptors);

    /// <summary>Sends a message that is answered.</summary>
    public TReply Ask<TReply>(VhostUserRequest request)
        where TReply : unmanaged
    {
        Send(request);
        return Receive<TReply>(request);
    }

    /// <inheritdoc cref="Ask{TReply}"/>
    public TReply Ask<T, TReply>(VhostUserRequest request, T payload, params ReadOnlySpan<int> descriptors)
        where T : unmanaged
        where TReply : unmanaged
    {
        Send(request, payload, descriptors);
        return Receive<TReply>(request);
    }

    /// <summary>Sends a message and asks how it went (VHOST_USER_PROTOCOL_F_REPLY_ACK).</summary>
    /// <returns>0 if it was done.</returns>
    public ulong Try<T>(VhostUserRequest request, T payload, params ReadOnlySpan<int> descriptors)
        where T : unmanaged
    {
        SendRaw(Bytes(request, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in payload)), VhostUserHeader.NeedsReply), descriptors);
        return Receive<ulong>(request);
    }

    public T Receive<T>(VhostUserRequest request)
        where T : unmanaged
    {
        Span<byte> reply = stackalloc byte[VhostUserHeader.Bytes + sizeof(T)];
        List<int> descriptors = [];
        _socket.Receive(reply, descriptors, Patience);
        Assert.Empty(descriptors);
        Assert.Equal(new VhostUserHeader((uint)request, VhostUserHeader.Version | VhostUserHeader.IsReply, (uint)sizeof(T)), MemoryMarshal.Read<VhostUserHeader>(reply));
        return MemoryMarshal.Read<T>(reply[VhostUserHeader.Bytes..]);
    }

    /// <summary>Whether the back-end closed its end, all it sent before being read.</summary>
    public bool IsHungUp()
    {
        Span<byte> any = stackalloc byte[256];
        try
        {
            return _socket.TryReceive(any, []) == 0;
        }
        catch (SystemCallException)
        {
            return true; // it had not read everything
        }
    }

    /// <summary>Agrees on features, and on all of the protocol's.</summary>
    /// <param name="features">Of those offered.</param>
    public void Negotiate(ulong features)
    {
        ulong offered = Ask<ulong>(VHOST_USER_GET_FEATURES);
        Assert.Equal(features, features & offered);
        Send(VHOST_USER_SET_PROTOCOL_FEATURES, Ask<ulong>(VHOST_USER_GET_PROTOCOL_FEATURES));
        Send(VHOST_USER_SET_OWNER);
        Send(VHOST_USER_SET_FEATURES, features);
    }

    /// <summary>VHOST_USER_SET_MEM_TABLE: the guest's memory, all at once.</summary>
    public void ShareMemory()
    {
        GuestRegion[] regions = Memory.Regions();
        byte[] table = new byte[RegionMessage.Offset + (regions.Length * RegionMessage.Bytes)];
        MemoryMarshal.Write(table, (uint)regions.Length);
        MemoryMarshal.Cast<byte, RegionMessage>(table.AsSpan(RegionMessage.Offset)).Clear();
        for (int i = 0; i < regions.Length; i++)
        {
            MemoryMarshal.Write(table.AsSpan(RegionMessage.Offset + (i * RegionMessage.Bytes)), MessageOf(regions[i]));
        }
        SendRaw(Bytes(VHOST_USER_SET_MEM_TABLE, table), Array.ConvertAll(regions, region => region.Descriptor));
        Close(regions);
    }

    /// <summary>VHOST_USER_ADD_MEM_REG: one region of the guest's memory.</summary>
    /// <param name="shift">To be added to its guest address.</param>
    /// <returns>0 if it was done.</returns>
    public ulong AddRegion(int index, ulong shift = 0)
    {
        GuestRegion[] regions = Memory.Regions();
        RegionMessage message = MessageOf(regions[index] with { GuestAddress = regions[index].GuestAddress + shift });
        ulong word = Try(VHOST_USER_ADD_MEM_REG, new SingleRegion(0, message), regions[index].Descriptor);
        Close(regions);
        return word;
    }

    /// <summary>VHOST_USER_REM_MEM_REG, with a descriptor that is none of its, as some front-ends send it.</summary>
    /// <returns>0 if it was done.</returns>
    public ulong RemoveRegion(int index)
    {
        GuestRegion[] regions = Memory.Regions();
        ulong word = Try(VHOST_USER_REM_MEM_REG, new SingleRegion(0, MessageOf(regions[index])), regions[index].Descriptor);
        Close(regions);
        return word;
    }

    /// <summary>Starts a queue pair, and enables it.</summary>
    /// <param name="kick">An eventfd, still the caller's; -1 for none.</param>
    /// <param name="call">Likewise.</param>
    public void Start(GuestNic nic, int pair = 0, int kick = -1, int call = -1)
    {
        for (uint i = 0; i < 2; i++)
        {
            GuestRing ring = i == 0 ? nic.Receiving : nic.Sending;
            uint index = (uint)(2 * pair) + i;
            Send(VHOST_USER_SET_VRING_NUM, new RingStateMessage(index, (uint)ring.Size));
            Send(VHOST_USER_SET_VRING_BASE, new RingStateMessage(index, 0));
            Send(VHOST_USER_SET_VRING_ADDR, new RingAddressMessage(
                index,
                ring.Addresses.LogsUsed ? RingAddressMessage.VHOST_VRING_F_LOG : 0,
                ring.Addresses.Descriptors, ring.Addresses.Used, ring.Addresses.Available, ring.Addresses.Log));
            SendEvent(VHOST_USER_SET_VRING_CALL, index, call);
            SendEvent(VHOST_USER_SET_VRING_KICK, index, kick);
        }
        Enable(pair, true);
    }

    /// <summary>VHOST_USER_SET_VRING_ENABLE of both rings.</summary>
    public void Enable(int pair, bool enabled)
    {
        Send(VHOST_USER_SET_VRING_ENABLE, new RingStateMessage((uint)(2 * pair), enabled ? 1u : 0));
        Send(VHOST_USER_SET_VRING_ENABLE, new RingStateMessage((uint)(2 * pair) + 1, enabled ? 1u : 0));
    }

    /// <summary>Stops both rings of a pair.</summary>
    /// <returns>Where they are.</returns>
    public (uint ToGuest, uint FromGuest) Stop(int pair = 0) => (
        Ask<RingStateMessage, RingStateMessage>(VHOST_USER_GET_VRING_BASE, new RingStateMessage((uint)(2 * pair), 0)).Number,
        Ask<RingStateMessage, RingStateMessage>(VHOST_USER_GET_VRING_BASE, new RingStateMessage((uint)(2 * pair) + 1, 0)).Number);

    public void Dispose() => _socket.Dispose();

    /// <summary>A region as a message has it.</summary>
    internal static RegionMessage MessageOf(GuestRegion region) => new(region.GuestAddress, region.Size, region.UserAddress, region.MmapOffset);

    private static void Close(GuestRegion[] regions) => Array.ForEach(regions, region => _ = Libc.close(region.Descriptor));

    private void SendEvent(VhostUserRequest request, uint index, int descriptor)
    {
        if (descriptor < 0)
        {
            Send(request, index | 0x100ul); // no descriptor: the guest polls, or is polled
        }
        else
        {
            Send(request, (ulong)index, descriptor);
        }
    }
}

/// <summary>VHOST_USER_ADD_MEM_REG and VHOST_USER_REM_MEM_REG.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct SingleRegion(ulong Padding, RegionMessage Region);
