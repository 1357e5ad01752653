using System.Collections.Immutable;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;

namespace Softswitch.Ports.VhostUser;

/// <summary>The parts of a guest's network device that packets use: its memory, rings and log. One object for each port, for all its connections.</summary>
/// <remarks>
/// Threads: the session's, one at a time; workers use <see cref="Queues"/>. A change holds the rings it concerns, memory and features all of them, and
/// wakes their workers afterwards.
/// </remarks>
internal sealed unsafe class GuestRings : IDisposable
{
    private readonly int _faulted;
    private bool _disposed;

    /// <param name="pairs">Queue pairs.</param>
    /// <exception cref="SystemCallException">The system gives no descriptors.</exception>
    public GuestRings(int pairs)
    {
        _faulted = Libc.eventfd(0, Libc.EFD_NONBLOCK | Libc.EFD_CLOEXEC);
        if (_faulted < 0)
        {
            throw SystemCallException.Last("eventfd");
        }
        Queues = [.. Enumerable.Range(0, pairs).Select(pair => new VhostUserQueue(new GuestSendQueue(this, (2 * pair) + 1), new GuestReceiveQueue(this, 2 * pair)))];
        Rings = [.. Queues.SelectMany(queue => (VirtQueue[])[queue.ToGuest, queue.FromGuest])];
    }

    public GuestMemory Memory { get; } = new();

    /// <summary>Two a pair, as the front-end counts them: 2k the guest receives by, 2k + 1 it sends by.</summary>
    public ImmutableArray<VirtQueue> Rings { get; }

    /// <summary>For workers.</summary>
    public ImmutableArray<VhostUserQueue> Queues { get; }

    /// <summary>What was negotiated.</summary>
    public ulong Features { get; private set; }

    public DirtyLog? Log { get; private set; }

    /// <summary>Whether a file of the memory or the log was cut short. To be called by a holder of a ring.</summary>
    public bool IsTorn => Memory.IsTorn || Log is { IsTorn: true };

    /// <summary>Bytes in front of each packet: num_buffers is there with either feature (virtio 1.2 §5.1.6).</summary>
    public uint HeaderSize => (Features & (VirtioFeatures.VIRTIO_F_VERSION_1 | VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF)) != 0 ? 12u : 10;

    /// <summary>Polls readable after a ring ended by a <see cref="Fault"/>; <see cref="Reset"/> clears it.</summary>
    public int FaultDescriptor => _faulted;

    /// <summary>The fault that ended a ring; null if there is none. Any thread.</summary>
    public string? Fault
    {
        get
        {
            foreach (VirtQueue ring in Rings)
            {
                if (ring.Fault != RingFault.None)
                {
                    return $"ring {ring.Index}: {ring.Fault.Text()}";
                }
            }
            return null;
        }
    }

    /// <summary>Whether packets pass both ways by some pair. Any thread.</summary>
    public bool IsReady => Rings.Any(ring => ring is GuestReceiveQueue { IsReady: true }) && Rings.Any(ring => ring is GuestSendQueue { IsReady: true });

    /// <summary>Whether the guest itself finishes the packet's checksum or cuts the segment. Any thread; cheap.</summary>
    public bool Takes(in OffloadState offload)
    {
        ulong needed = offload.Segmentation switch
        {
            SegmentationKind.None => VirtioFeatures.VIRTIO_NET_F_GUEST_CSUM,
            SegmentationKind.TcpV4 => VirtioFeatures.VIRTIO_NET_F_GUEST_TSO4,
            SegmentationKind.TcpV6 => VirtioFeatures.VIRTIO_NET_F_GUEST_TSO6,
            SegmentationKind.UdpL4 => VirtioFeatures.VIRTIO_NET_F_GUEST_USO4 | VirtioFeatures.VIRTIO_NET_F_GUEST_USO6,
            _ => ulong.MaxValue,
        };
        needed |= offload.Ecn ? VirtioFeatures.VIRTIO_NET_F_GUEST_ECN : 0;
        return (Features & needed) == needed;
    }

    /// <summary>Counts of packets that came and were lost. Any thread.</summary>
    public PortCounters ReadCounters()
    {
        PortCounters total = default;
        foreach (VhostUserQueue queue in Queues)
        {
            PortCounters own = queue.FromGuest.Losses;
            total.ReceiveDropped += own.ReceiveDropped;
            total.ReceiveErrors += own.ReceiveErrors;
        }
        return total;
    }

    /// <summary>VHOST_USER_SET_FEATURES.</summary>
    public void SetFeatures(ulong features) => Change(() => Features = features);

    /// <summary>VHOST_USER_SET_MEM_TABLE; <see cref="GuestMemory.TrySet"/>.</summary>
    public bool TrySetMemory(IReadOnlyList<GuestRegion> regions, out string why)
    {
        (bool done, string reason) = (false, string.Empty);
        Change(() => done = Memory.TrySet([.. regions], out reason));
        why = reason;
        return done;
    }

    /// <summary>VHOST_USER_ADD_MEM_REG.</summary>
    public bool TryAddRegion(GuestRegion region, out string why)
    {
        (bool done, string reason) = (false, string.Empty);
        Change(() => done = Memory.TryAdd(region, out reason));
        why = reason;
        return done;
    }

    /// <summary>VHOST_USER_REM_MEM_REG.</summary>
    public void RemoveRegion(GuestRegion region) => Change(() => Memory.Remove(region));

    /// <summary>VHOST_USER_SET_LOG_BASE; <see cref="DirtyLog.TryMap"/>. The log that was there is closed.</summary>
    public bool TrySetLog(int descriptor, ulong bytes, ulong offset, out string why)
    {
        if (!DirtyLog.TryMap(descriptor, bytes, offset, out DirtyLog? log, out why))
        {
            return false;
        }
        if (!log!.Covers(Memory.End))
        {
            log.Dispose();
            why = $"a log of {bytes} bytes for memory up to 0x{Memory.End:x}";
            return false;
        }
        Change(() =>
        {
            Log?.Dispose();
            Log = log;
        });
        return true;
    }

    /// <summary>VHOST_USER_SEND_RARP; <see cref="VhostUserQueue.Announce"/>.</summary>
    public void Announce(MacAddress address) => Queues[0].Announce(address);

    /// <summary>The front-end is gone: no ring, no memory, no fault.</summary>
    public void Reset()
    {
        Change(() =>
        {
            foreach (VirtQueue ring in Rings)
            {
                ring.Forget();
            }
            Memory.Clear();
            Log?.Dispose();
            (Log, Features) = (null, 0);
        });
        ulong ignored;
        _ = Libc.read(_faulted, &ignored, sizeof(ulong));
    }

    /// <summary>No worker uses the queues any more.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        Reset();
        _disposed = true;
        foreach (VirtQueue ring in Rings)
        {
            ring.Dispose();
        }
        foreach (VhostUserQueue queue in Queues)
        {
            queue.Dispose();
        }
        _ = Libc.close(_faulted);
    }

    /// <summary>Changes one ring while no worker uses it.</summary>
    internal void Change(VirtQueue ring, Action change)
    {
        ring.Hold();
        try
        {
            change();
            ring.Refresh();
        }
        finally
        {
            ring.LetGo();
        }
        Route();
    }

    /// <summary>A worker's: some ring has a fault.</summary>
    internal void Report()
    {
        ulong one = 1;
        _ = Libc.write(_faulted, &one, sizeof(ulong));
    }

    /// <summary>Changes state that all rings use, with all of them held.</summary>
    private void Change(Action change)
    {
        foreach (VirtQueue ring in Rings)
        {
            ring.Hold();
        }
        try
        {
            change();
            foreach (VirtQueue ring in Rings)
            {
                ring.Refresh();
            }
        }
        finally
        {
            foreach (VirtQueue ring in Rings)
            {
                ring.LetGo();
            }
        }
        Route();
    }

    /// <summary>Gives each queue a ring to send by, in turn where there are fewer, and lets the workers look.</summary>
    private void Route()
    {
        GuestReceiveQueue[] ready = [.. Rings.OfType<GuestReceiveQueue>().Where(ring => ring.IsReady)];
        for (int pair = 0; pair < Queues.Length; pair++)
        {
            var own = (GuestReceiveQueue)Rings[2 * pair];
            Queues[pair].ToGuest = own.IsReady || ready.Length == 0 ? own : ready[pair % ready.Length];
            Queues[pair].Doorbell.Ring();
        }
    }
}
