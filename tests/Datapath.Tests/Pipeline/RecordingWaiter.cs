using Softswitch.Datapath.Pipeline;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Waits for nothing, and records what it is told to watch.</summary>
internal sealed class RecordingWaiter(bool sleeps = true) : IWaiter
{
    public bool Sleeps => sleeps;

    public List<(int Descriptor, int Slot)> Watched { get; } = [];

    public int Unwatched { get; private set; }

    public bool IsDisposed { get; private set; }

    public void Watch(int descriptor, int slot) => Watched.Add((descriptor, slot));

    public void Unwatch(int descriptor, int slot)
    {
        Assert.True(Watched.Remove((descriptor, slot)));
        Unwatched++;
    }

    public int Wait(long timeoutMicroseconds, Span<int> slots) => 0;

    public void Wake()
    {
    }

    public void Dispose() => IsDisposed = true;
}
