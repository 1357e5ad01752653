namespace Softswitch.Ports.Linux;

/// <summary>Packets that a device dropped on their way out since this was made: for a TAP device, what the switch was too slow to read.</summary>
/// <remarks>The interface's own counter, tx_dropped of struct rtnl_link_stats64. Threads: any.</remarks>
internal sealed class LinkDrops : IDisposable
{
    private readonly Lock _gate = new();
    private readonly NetlinkSocket _netlink;
    private readonly int _index;
    private readonly long _before;
    private long _last;
    private bool _disposed;

    /// <summary>Begins to count, in the calling thread's network namespace.</summary>
    /// <exception cref="PortException">The system has no netlink.</exception>
    public LinkDrops(string port, int interfaceIndex)
    {
        _index = interfaceIndex;
        try
        {
            _netlink = NetlinkSocket.Open();
        }
        catch (SystemCallException e)
        {
            throw new PortException($"{port}: {e.Message}", e);
        }
        _before = ReadCounter() ?? 0;
    }

    /// <summary>The count now; once the interface is gone, the last one.</summary>
    public long Read()
    {
        lock (_gate)
        {
            return _last = _disposed || ReadCounter() is not long now ? _last : now - _before;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _netlink.Dispose();
        }
    }

    private long? ReadCounter()
    {
        try
        {
            return _netlink.ReadTransmitDropped(_index);
        }
        catch (SystemCallException)
        {
            return null;
        }
    }
}
