namespace Softswitch.Datapath.Pipeline;

/// <summary>How an idle worker sleeps until there is something to do.</summary>
/// <remarks>Threads: <see cref="Wait"/> by the worker that owns it, <see cref="Wake"/> by any.</remarks>
internal interface IWaiter : IDisposable
{
    /// <summary>False for one that returns at once: nobody has to be told of such a sleep.</summary>
    bool Sleeps => true;

    /// <summary>Returns when a descriptor polls readable, <see cref="Wake"/> was called since the last return, or the time is over.</summary>
    /// <param name="descriptors">File descriptors to wait for; may be empty.</param>
    /// <param name="timeoutMicroseconds">0 or more.</param>
    void Wait(ReadOnlySpan<int> descriptors, int timeoutMicroseconds);

    void Wake();
}
