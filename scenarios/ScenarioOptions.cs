namespace Softswitch.Scenarios;

/// <summary>How a scenario is to be run.</summary>
internal sealed record ScenarioOptions
{
    /// <summary>Fewer packets, flows and moves, and times decide nothing: for tests beside which other things run.</summary>
    public bool Small { get; init; }

    /// <summary>A folder for captures, which exists; null for none.</summary>
    public string? CaptureFolder { get; init; }

    /// <summary>Whether what moves is a QEMU guest that migrates live, in place of a namespace.</summary>
    public bool UsesGuests { get; init; }

    /// <summary>Whether to leave it running until a signal comes.</summary>
    public bool Keep { get; init; }
}
