using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.VhostUser;
using Xunit;

namespace Softswitch.Testing;

/// <summary>A made-up guest's virtio-net driver of one queue pair: sends by one ring, keeps the other filled with buffers.</summary>
internal sealed unsafe class GuestNic
{
    private readonly GuestRam _ram;
    private readonly Dictionary<ushort, ((ulong Address, uint Length)[] Pieces, bool IsIndirect)> _buffers = [];
    private readonly Dictionary<ushort, ulong> _sending = [];
    private readonly Stack<ulong> _spare = new();
    private readonly int _longest;

    /// <param name="bufferSize">Bytes of each receive buffer, header included.</param>
    /// <param name="longest">Bytes of the longest packet to be sent.</param>
    public GuestNic(GuestRam ram, int size, ulong features, uint bufferSize = 2048, int longest = 2048)
    {
        _ram = ram;
        _longest = longest;
        Features = features;
        BufferSize = bufferSize;
        bool hasEventIndex = (features & VirtioFeatures.VIRTIO_F_RING_EVENT_IDX) != 0;
        Receiving = new GuestRing(ram, size, hasEventIndex);
        Sending = new GuestRing(ram, size, hasEventIndex);
    }

    public ulong Features { get; }

    public uint BufferSize { get; }

    /// <summary>Ring 2k.</summary>
    public GuestRing Receiving { get; }

    /// <summary>Ring 2k + 1.</summary>
    public GuestRing Sending { get; }

    public int HeaderSize => (Features & (VirtioFeatures.VIRTIO_F_VERSION_1 | VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF)) != 0 ? 12 : 10;

    /// <summary>Starts both rings at an index, as if so many buffers had passed.</summary>
    public void StartAt(ushort index)
    {
        Receiving.StartAt(index);
        Sending.StartAt(index);
    }

    /// <summary>Sets the pair up as a front-end does.</summary>
    /// <param name="call">Eventfds that are signalled; -1 for none. Their owner is the ring then.</param>
    public void Attach(GuestRings rings, int pair = 0, int kick = -1, int call = -1)
    {
        for (int i = 0; i < 2; i++)
        {
            VirtQueue ring = rings.Rings[(2 * pair) + i];
            GuestRing own = i == 0 ? Receiving : Sending;
            Assert.True(ring.TrySetSize((uint)own.Size, out string why), why);
            Assert.True(ring.TrySetAddresses(own.Addresses, out why), why);
            ring.SetBase(0);
            ring.SetCall(call < 0 ? -1 : GuestRam.Duplicate(call));
            ring.SetKick(kick < 0 ? -1 : GuestRam.Duplicate(kick));
            ring.SetEnabled(true);
        }
    }

    /// <summary>Puts a buffer wherever the receive ring has room.</summary>
    public void Fill()
    {
        while (Receiving.Free > 0)
        {
            ulong address = _ram.Allocate(BufferSize);
            AddBuffer([(address, BufferSize)]);
        }
    }

    /// <summary>Makes a receive buffer of several pieces available.</summary>
    public void AddBuffer((ulong Address, uint Length)[] pieces, bool indirect = false) =>
        _buffers[Receiving.Add(isWritten: true, pieces, indirect)] = (pieces, indirect);

    /// <summary>Sends a packet in one buffer with its header; false when the ring is full.</summary>
    public bool TrySend(ReadOnlySpan<byte> packet, VirtioNetHeader header = default)
    {
        Reclaim();
        if (Sending.Free == 0)
        {
            return false;
        }
        Assert.True(packet.Length <= _longest);
        ulong address = _spare.TryPop(out ulong spare) ? spare : _ram.Allocate((ulong)(HeaderSize + _longest), 64);
        Write(address, packet, header);
        _sending[Sending.Add(isWritten: false, [(address, (uint)(HeaderSize + packet.Length))])] = address;
        return true;
    }

    /// <summary>Header and packet, one behind the other.</summary>
    public void Write(ulong address, ReadOnlySpan<byte> packet, VirtioNetHeader header = default)
    {
        Span<byte> front = stackalloc byte[HeaderSize];
        front.Clear();
        new ReadOnlySpan<byte>(&header, VirtioNetHeader.Size).CopyTo(front);
        _ram.Write(address, front);
        _ram.Write(address + (ulong)HeaderSize, packet);
    }

    /// <summary>Takes back what was sent.</summary>
    public void Reclaim()
    {
        while (Sending.TryTake(out ushort head, out _))
        {
            if (_sending.Remove(head, out ulong address))
            {
                _spare.Push(address);
            }
        }
    }

    /// <summary>The next packet that came; its buffers are available again.</summary>
    public byte[]? Receive(out VirtioNetHeader header)
    {
        header = default;
        if (!Receiving.TryTake(out ushort head, out uint length))
        {
            return null;
        }
        byte[] bytes = Contents(head, length);
        int more = HeaderSize == 12 ? BitConverter.ToUInt16(bytes, 10) - 1 : 0;
        Assert.True(more >= 0, "num_buffers is 0");
        for (; more > 0; more--)
        {
            Assert.True(Receiving.TryTake(out head, out length), "fewer buffers than num_buffers says");
            bytes = [.. bytes, .. Contents(head, length)];
        }
        fixed (byte* first = bytes)
        {
            header = *(VirtioNetHeader*)first;
        }
        return bytes[HeaderSize..];
    }

    private byte[] Contents(ushort head, uint length)
    {
        ((ulong Address, uint Length)[] pieces, bool isIndirect) = _buffers[head];
        _buffers.Remove(head);
        Assert.True(length <= pieces.Sum(piece => piece.Length), "more was written than the buffer holds");
        byte[] all = new byte[length];
        int at = 0;
        foreach ((ulong address, uint size) in pieces)
        {
            byte[] part = _ram.Read(address, (int)Math.Min(size, length - (uint)at));
            part.CopyTo(all, at);
            at += part.Length;
        }
        AddBuffer(pieces, isIndirect);
        return all;
    }
}
