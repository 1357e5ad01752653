using System.Diagnostics;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>How flows are moved.</summary>
/// <param name="BreaksFirst">Whether the old path is broken before the new one is made.</param>
/// <param name="Waits">Whether each step waits until the switches have confirmed the one before.</param>
/// <param name="Probes">Whether the old entries stay until a probe has come by each link behind the last packets of the old path.</param>
internal sealed record MoveSteps(bool BreaksFirst = false, bool Waits = true, bool Probes = true)
{
    /// <summary>Make before break, as it loses nothing.</summary>
    public static MoveSteps Whole { get; } = new();

    /// <summary>Whether a packet may meet no entry only where too much was sent.</summary>
    public bool AreSafe => this == Whole;
}

/// <summary>The move of a router's flows from one switch to another, step by step. Times are Stopwatch.GetTimestamp's.</summary>
/// <remarks>Threads: written under the controller's lock; read once <see cref="IsDone"/>.</remarks>
internal sealed class FlowMove(ulong from, ulong to, MoveSteps steps)
{
    private volatile bool _isDone;

    public ulong From => from;

    public ulong To => to;

    public MoveSteps Steps => steps;

    public long StartedAt { get; } = Stopwatch.GetTimestamp();

    /// <summary>The entries to move, as the destination is to have them.</summary>
    public List<MigratingFlow> Flows { get; } = [];

    /// <summary>The source has confirmed that it has them no more. This and the next two: without barriers, when it was told.</summary>
    public long DeletedAt { get; set; }

    /// <summary>The destination has confirmed that it has them all.</summary>
    public long AddedAt { get; set; }

    /// <summary>Both link switches have confirmed that they send to the destination.</summary>
    public long LinkedAt { get; set; }

    /// <summary>Nothing is under way to the source any more.</summary>
    public long DrainedAt { get; set; }

    /// <summary>Links whose probe has come out of the source.</summary>
    public HashSet<ulong> Drained { get; } = [];

    public bool IsDone => _isDone;

    /// <summary>From the start to the last confirmation.</summary>
    public TimeSpan Total { get; private set; }

    public void End()
    {
        Total = Stopwatch.GetElapsedTime(StartedAt);
        _isDone = true;
    }
}
