using System.Diagnostics;
using System.Runtime.CompilerServices;
using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;
using Softswitch.Ports.VhostUser;

namespace Softswitch.Lab.Machines;

/// <summary>A guest's network card as a driver that polls uses it: one ring to send by, one that is kept full of buffers to receive by.</summary>
/// <remarks>
/// Both rings and all buffers lie in one file of <see cref="MemoryBytes"/> that the switch maps, too. Packets carry the time they were sent at, in ticks of
/// <see cref="Stopwatch"/>, where <see cref="MeasuredFrame.StampOffset"/> says. Threads: one.
/// </remarks>
internal sealed unsafe class PollingCard : IDisposable
{
    /// <summary>Of its memory: a huge page.</summary>
    public const int MemoryBytes = 2 << 20;

    /// <summary>Packets that are sent or received at once.</summary>
    public const int Burst = 32;

    private const uint MFD_CLOEXEC = 1;
    private const uint MFD_HUGETLB = 4;
    private const int BufferSize = 2048;
    private const int HeaderSize = 12; // struct virtio_net_hdr of VIRTIO_F_VERSION_1

    // Ethernet, IPv4 and UDP: what tells flows apart. The rest of a frame is the same in all.
    private const int FlowBytes = 42;

    private readonly int _file;
    private readonly byte* _memory;
    private readonly int _kick;
    private readonly int _frameLength;
    private readonly byte[] _flows;
    private readonly int _flowCount;
    private readonly int[] _spare = new int[DriverRing.Size];
    private readonly int[] _burst = new int[Burst];
    private int _spareCount;
    private int _flow;

    /// <param name="frameLength">Bytes without FCS.</param>
    /// <param name="flows">A frame of each flow it sends.</param>
    /// <exception cref="SystemCallException">The system gives no memory.</exception>
    public PollingCard(int frameLength, IReadOnlyList<byte[]> flows, bool hugePages)
    {
        _frameLength = frameLength;
        _flows = [.. flows.SelectMany(frame => frame.Take(FlowBytes))];
        _flowCount = flows.Count;
        _file = Libc.memfd_create("guest", MFD_CLOEXEC | (hugePages ? MFD_HUGETLB : 0));
        _kick = Libc.eventfd(0, Libc.EFD_NONBLOCK | Libc.EFD_CLOEXEC);
        if (_file < 0 || _kick < 0 || Libc.ftruncate(_file, MemoryBytes) != 0)
        {
            var failure = SystemCallException.Last("memfd_create");
            Close();
            throw failure;
        }
        _memory = (byte*)Libc.mmap(null, MemoryBytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED | Libc.MAP_POPULATE, _file, 0);
        if (_memory == (byte*)-1)
        {
            var failure = SystemCallException.Last("mmap of the guest's memory");
            Close();
            throw failure;
        }
        Sending = new DriverRing(_memory);
        Receiving = new DriverRing(_memory + DriverRing.Bytes);
        for (int i = 0; i < DriverRing.Size; i++)
        {
            flows[0].CopyTo(new Span<byte>(SendBuffer(i) + HeaderSize, frameLength));
            Sending.SetBuffer(i, SendBuffer(i), HeaderSize + frameLength, isWritten: false);
            _spare[_spareCount++] = i;
            Receiving.SetBuffer(i, ReceiveBuffer(i), BufferSize, isWritten: true);
            Receiving.Offer(i);
        }
        Receiving.Publish();
    }

    public DriverRing Sending { get; }

    public DriverRing Receiving { get; }

    /// <summary>The eventfd that the switch is kicked by; still this object's.</summary>
    public int Kick => _kick;

    /// <summary>The memory as a front-end describes it, whose addresses are the guest's too.</summary>
    public GuestRegion Region => new((ulong)_memory, MemoryBytes, (ulong)_memory, 0, _file);

    /// <summary>Sends packets of the next flows, as many as the ring has room for.</summary>
    /// <param name="most">At most <see cref="Burst"/>.</param>
    /// <returns>How many were sent.</returns>
    public int Send(int most)
    {
        Reclaim();
        int count = Math.Min(most, _spareCount);
        if (count == 0)
        {
            return 0;
        }
        for (int i = 0; i < count; i++)
        {
            int number = _burst[i] = _spare[--_spareCount];
            Unsafe.CopyBlockUnaligned(ref *(SendBuffer(number) + HeaderSize), ref _flows[_flow * FlowBytes], FlowBytes);
            _flow = _flow + 1 == _flowCount ? 0 : _flow + 1;
            Sending.Offer(number);
        }
        long now = Stopwatch.GetTimestamp(); // when all else is in place
        for (int i = 0; i < count; i++)
        {
            Unsafe.WriteUnaligned(SendBuffer(_burst[i]) + HeaderSize + MeasuredFrame.StampOffset, now);
        }
        Sending.Publish();
        return count;
    }

    /// <summary>Kicks the switch if it asks for that.</summary>
    /// <returns>Whether it did.</returns>
    public bool KickIfWanted()
    {
        if (!Sending.WantsKick)
        {
            return false;
        }
        ulong one = 1;
        _ = Libc.write(_kick, &one, sizeof(ulong));
        return true;
    }

    /// <summary>Receives packets and gives their buffers back to the switch.</summary>
    /// <param name="stamps">Takes when each was sent; room for <see cref="Burst"/>. What is not of ours is left out.</param>
    /// <returns>How many there are.</returns>
    public int Receive(Span<long> stamps)
    {
        int count = Math.Min(Receiving.Returned, Burst);
        int own = 0;
        for (int i = 0; i < count; i++)
        {
            int number = Receiving.Take(out int written);
            if (written == HeaderSize + _frameLength)
            {
                stamps[own++] = Unsafe.ReadUnaligned<long>(ReceiveBuffer(number) + HeaderSize + MeasuredFrame.StampOffset);
            }
            Receiving.Offer(number);
        }
        if (count > 0)
        {
            Receiving.Publish();
        }
        return own;
    }

    public void Dispose()
    {
        _ = Libc.munmap(_memory, MemoryBytes);
        Close();
    }

    private void Reclaim()
    {
        for (int returned = Sending.Returned; returned > 0; returned--)
        {
            int number = Sending.Take(out _);
            if (_spareCount == DriverRing.Size)
            {
                throw new TestbedException("the switch gives back a buffer twice");
            }
            _spare[_spareCount++] = number;
        }
    }

    private byte* SendBuffer(int number) => _memory + (2 * DriverRing.Bytes) + (number * BufferSize);

    private byte* ReceiveBuffer(int number) => SendBuffer(DriverRing.Size + number);

    private void Close()
    {
        foreach (int descriptor in (int[])[_file, _kick])
        {
            if (descriptor >= 0)
            {
                _ = Libc.close(descriptor);
            }
        }
    }
}
