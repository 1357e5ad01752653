namespace Softswitch.Lab;

/// <summary>What QEMU says of a live migration (<c>query-migrate</c> at the source when it is completed), and when the guest stood still.</summary>
internal sealed record MigrationFigures
{
    /// <summary>From the command to the end.</summary>
    public required TimeSpan Total { get; init; }

    /// <summary>In which the guest ran nowhere.</summary>
    public required TimeSpan Downtime { get; init; }

    /// <summary>Before the first of the memory was sent.</summary>
    public required TimeSpan Setup { get; init; }

    /// <summary>Of memory that were sent.</summary>
    public required long Bytes { get; init; }

    /// <summary>When the source stopped the guest, by its event STOP (Stopwatch.GetTimestamp).</summary>
    public required long Stopped { get; init; }

    /// <summary>When the destination let it go on, by its event RESUME (Stopwatch.GetTimestamp).</summary>
    public required long Resumed { get; init; }
}
