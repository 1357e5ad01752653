namespace Softswitch.Datapath.Control;

/// <summary>How far a barrier has come; it begins as <c>default</c>. For <see cref="BarrierControl.TryFinish"/>.</summary>
internal struct BarrierProgress
{
    internal BarrierStage Stage;

    /// <summary>The number of packets, retired items or reports that must be done for the next stage.</summary>
    internal long Target;

    /// <summary>Of the packets that take more than a pass: twice the worker that is asked, and one more for those through the table.</summary>
    internal int Step;

    /// <summary>Packets that were done when the worker last showed a sign of life, and when that was, in milliseconds.</summary>
    internal long Done;
    internal long AliveAt;

    // After which time without a sign of life a barrier takes a worker for stopped, in milliseconds.
    private const int Patience = 1000;

    /// <summary>Whether it waits on, for a worker that is not done.</summary>
    /// <param name="done">Packets that the worker is done with; -1 in <see cref="Done"/> for not known yet.</param>
    internal bool IsWaiting(long done)
    {
        if (done != Done)
        {
            Done = done;
            AliveAt = Environment.TickCount64;
        }
        IsHeldUp = Environment.TickCount64 - AliveAt <= Patience;
        return IsHeldUp;
    }

    /// <summary>Whether it waits for a worker, or for a controller to read: to be called again after a moment, not at once.</summary>
    public bool IsHeldUp { get; internal set; }
}

internal enum BarrierStage
{
    Begin = 0,
    PacketOuts,
    Costly,
    Reclaim,
    Report,
}
