using Softswitch.Datapath.Pipeline;

namespace Softswitch.Ports.Linux.Processes;

/// <summary>No sleep at all: the worker looks again at once. Takes a processor whole, and no packet waits for a wake-up.</summary>
internal sealed class SpinningWaiter : IWaiter
{
    public bool Sleeps => false;

    public void Watch(int descriptor, int slot)
    {
    }

    public void Unwatch(int descriptor, int slot)
    {
    }

    public int Wait(long timeoutMicroseconds, Span<int> slots) => 0;

    public void Wake()
    {
    }

    public void Dispose()
    {
    }
}
