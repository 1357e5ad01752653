namespace Softswitch.Datapath.Queues;

/// <summary>What one queue sent and lost. It outlives changes of the queue's rates.</summary>
/// <remarks>Threads: written by the worker that serves the port, but for <see cref="CountHandoverLoss"/>; read by any.</remarks>
internal sealed class QueueCounters
{
    private long _bytes;
    private long _packets;
    private long _overruns;
    private long _handoverLosses;

    public ulong Bytes => (ulong)Volatile.Read(ref _bytes);

    public ulong Packets => (ulong)Volatile.Read(ref _packets);

    /// <summary>Packets that found no room.</summary>
    public ulong Overruns => (ulong)(Volatile.Read(ref _overruns) + Volatile.Read(ref _handoverLosses));

    public void CountSent(int bytes)
    {
        _packets++;
        _bytes += bytes;
    }

    /// <summary>Adds what another process counted; no worker runs.</summary>
    public void Restore(ulong bytes, ulong packets, ulong overruns)
    {
        _bytes += (long)bytes;
        _packets += (long)packets;
        _overruns += (long)overruns;
    }

    public void CountOverrun() => _overruns++;

    /// <summary>Any worker: a packet for this queue found no room on its way to the worker that serves the port.</summary>
    public void CountHandoverLoss() => Interlocked.Increment(ref _handoverLosses);
}
