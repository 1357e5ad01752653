using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Ports.Linux.Netlink;

/// <summary>Packets that were given to a device to send and dropped since this was made: for a TAP device, packets that the switch read too slowly.</summary>
/// <remarks>
/// The interface's own counter, tx_dropped of struct rtnl_link_stats64, and, if asked for, that of its queueing discipline: the interface does not count
/// packets that the discipline drops, at once or later. Threads: any.
/// </remarks>
internal sealed class LinkDrops : IDisposable
{
    private static readonly NamespaceShared<NetlinkSocket> Sockets = new(NetlinkSocket.Open);

    private readonly Lock _lock = new();
    private readonly NamespaceShared<NetlinkSocket>.Lease _netlink;
    private readonly int _index;
    private readonly bool _countsQueue;
    private long _link;
    private long _queue;
    private long _count;
    private bool _disposed;

    /// <summary>Begins to count, in the calling thread's network namespace.</summary>
    /// <param name="countsQueue">Whether what the queueing discipline drops counts, too.</param>
    /// <exception cref="PortException">The system has no netlink.</exception>
    public LinkDrops(string port, int interfaceIndex, bool countsQueue = false)
    {
        _index = interfaceIndex;
        _countsQueue = countsQueue;
        try
        {
            _netlink = Sockets.Take();
        }
        catch (SystemCallException e)
        {
            throw new PortException($"{port}: {e.Message}", e);
        }
        _ = Read();
        _count = 0;
    }

    /// <summary>The count now; once the interface is gone, the last one.</summary>
    public long Read()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _count += ReadGrowth(_netlink.Value.ReadTransmitDropped, ref _link);
                _count += _countsQueue ? ReadGrowth(_netlink.Value.ReadQueueDropped, ref _queue) : 0;
            }
            return _count;
        }
    }

    /// <summary>Writes the count now, and what the next is the difference to: for another process to go on from, by <see cref="Restore"/>.</summary>
    public void Save(BinaryWriter to)
    {
        lock (_lock)
        {
            _ = Read();
            to.Write(_link);
            to.Write(_queue);
            to.Write(_count);
        }
    }

    public void Restore(BinaryReader from)
    {
        lock (_lock)
        {
            (_link, _queue, _count) = (from.ReadInt64(), from.ReadInt64(), from.ReadInt64());
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _netlink.Dispose();
        }
    }

    /// <summary>A counter that was put back belongs to another queueing discipline, which began at 0.</summary>
    private long ReadGrowth(Func<int, long?> read, ref long last)
    {
        try
        {
            if (read(_index) is not long now)
            {
                return 0;
            }
            long growth = now < last ? now : now - last;
            last = now;
            return growth;
        }
        catch (SystemCallException)
        {
            return 0;
        }
    }
}
