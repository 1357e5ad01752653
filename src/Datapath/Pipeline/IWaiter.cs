namespace Softswitch.Datapath.Pipeline;

/// <summary>How a thread whose workers are all idle sleeps until one of them has something to do.</summary>
/// <remarks>Threads: everything by the thread that owns it, but <see cref="Wake"/> by any.</remarks>
internal interface IWaiter : IDisposable
{
    /// <summary>False for one that returns at once: no worker falls asleep then.</summary>
    bool Sleeps => true;

    /// <summary>From now on <see cref="Wait"/> returns while the descriptor polls readable.</summary>
    /// <param name="slot">What it reports then. A descriptor that is watched for another slot already is this one's from now on.</param>
    void Watch(int descriptor, int slot);

    /// <summary>Ends that, unless another slot has the descriptor by now. One that was closed is not watched any more.</summary>
    void Unwatch(int descriptor, int slot);

    /// <summary>Returns when a watched descriptor polls readable, <see cref="Wake"/> was called since the last return, or the time is over.</summary>
    /// <param name="timeoutMicroseconds">0 or more.</param>
    /// <param name="slots">Takes the slots of descriptors that are readable, one for each. What has no room is reported by the next call.</param>
    /// <returns>How many there are.</returns>
    int Wait(long timeoutMicroseconds, Span<int> slots);

    void Wake();
}
