namespace Softswitch.Datapath.Queues;

/// <summary>The time of a worker's pass, read once at its start. Threads: the worker.</summary>
internal sealed class PassClock
{
    /// <summary>Ticks of 100 ns.</summary>
    public long Ticks { get; set; }
}
