using System.Diagnostics;
using System.Runtime.CompilerServices;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.AfPacket;

/// <summary>A packet socket and the ring of slots it shares with the kernel.</summary>
internal abstract unsafe class SlotRing : IDisposable
{
    private readonly byte* _slots;
    private readonly uint _mask;

    /// <summary>Maps the ring of a socket, with all its pages.</summary>
    /// <param name="socket">This one's from now on, unless this throws.</param>
    /// <exception cref="PortException">The system refuses.</exception>
    protected SlotRing(string port, int socket, RingSize size)
    {
        Debug.Assert(int.IsPow2(size.Slots));
        void* slots = Libc.mmap(null, (nuint)size.Bytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED | Libc.MAP_POPULATE, socket, 0);
        if ((nint)slots == -1)
        {
            throw PortException.FromErrno(port, "mmap(AF_PACKET)");
        }
        Socket = socket;
        Size = size;
        SlotSize = size.SlotSize;
        _slots = (byte*)slots;
        _mask = (uint)size.Slots - 1;
    }

    public int Socket { get; }

    public RingSize Size { get; }

    /// <summary>The next slot, counted on and on: where another process goes on.</summary>
    public uint Head { get; set; }

    protected int SlotSize { get; }

    /// <summary>No worker uses it.</summary>
    public void Dispose()
    {
        Unmap();
        _ = Libc.close(Socket);
    }

    /// <summary>Lets go of the ring; the socket is somebody else's.</summary>
    public void Unmap() => _ = Libc.munmap(_slots, (nuint)Size.Bytes);

    /// <param name="index">Counted on and on; the ring's size is taken off here.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected SlotHeader* At(uint index) => (SlotHeader*)(_slots + ((nuint)(index & _mask) * (uint)SlotSize));
}
