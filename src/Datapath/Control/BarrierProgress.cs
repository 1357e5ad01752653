namespace Softswitch.Datapath.Control;

/// <summary>How far a barrier has come; it begins as <c>default</c>. For <see cref="DatapathControl.TryBarrier"/>.</summary>
internal struct BarrierProgress
{
    internal BarrierStage Stage;

    /// <summary>The number of packet-outs, retired items or reports that must be done for the next stage.</summary>
    internal long Target;

    /// <summary>Packet-outs that were done when the worker last showed a sign of life, and when that was, in milliseconds.</summary>
    internal long Done;
    internal long AliveAt;

    /// <summary>Whether it waits for a worker, or for a controller to read: to be called again after a moment, not at once.</summary>
    public bool IsHeldUp { get; internal set; }
}

internal enum BarrierStage
{
    Begin = 0,
    PacketOuts,
    Reclaim,
    Report,
}
