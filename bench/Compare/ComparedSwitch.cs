using Softswitch.Bench.Sides;
using Softswitch.Lab.Measures;
using Softswitch.OfAgent.Client;

namespace Softswitch.Bench.Compare;

/// <summary>A switch as the comparison sees it: an OpenFlow connection, and forwarding that goes on or stands still.</summary>
/// <remarks>
/// Port 1 receives the row's frames from memory without end, each copied to a fresh buffer; port 2 counts and drops. It stands still when made.
/// Everything is told and asked over the connection, of both switches alike. Threads: one at a time.
/// </remarks>
internal abstract class ComparedSwitch(string name) : BenchSide<CompareSample>(name)
{
    public const ushort Input = 1;
    public const ushort Sink = 2;

    /// <summary>How long a switch may take to answer: for Open vSwitch, tens of thousands of flow-mods under load.</summary>
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>To the switch; usable while forwarding goes on.</summary>
    public abstract OfClient Client { get; }

    /// <summary>Lets forwarding go on.</summary>
    public abstract void Resume();

    /// <summary>Makes all threads that forward, and all that busy themselves with it, stand still: they take no processor time.</summary>
    public abstract void Rest();

    /// <summary>Watches from now on what others take from the thread that forwards; the answer is asked for before <see cref="Rest"/>.</summary>
    public abstract Func<Interference> Watch();

    /// <summary>Waits, while forwarding goes on, until it has reached its full speed.</summary>
    /// <param name="seconds">How long will be measured.</param>
    public abstract void WarmUp(double seconds, CancellationToken cancellation);
}
