namespace Softswitch.Configuration;

/// <summary>What the switch does while no controller is connected (OpenFlow 1.0.0 leaves it to us; the words are Open vSwitch's).</summary>
public enum FailMode
{
    /// <summary>Forwards by the flows that are there; packets that match none are dropped.</summary>
    Secure,

    /// <summary>Forwards as a learning bridge.</summary>
    Standalone,
}

/// <summary>Everything <c>run</c> was asked to do, checked.</summary>
public sealed record SwitchOptions
{
    /// <summary>At least one, numbers all different, in the order given.</summary>
    public required IReadOnlyList<PortOption> Ports { get; init; }

    /// <summary>Null: to be made from the first port's address.</summary>
    public ulong? DatapathId { get; init; }

    public IReadOnlyList<ConnectionOption> Controllers { get; init; } = [];

    public IReadOnlyList<ConnectionOption> Listeners { get; init; } = [];

    public FailMode FailMode { get; init; } = FailMode.Secure;

    public int Workers { get; init; } = 1;
}
