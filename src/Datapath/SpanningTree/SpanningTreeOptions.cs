namespace Softswitch.Datapath.SpanningTree;

/// <summary>What a bridge may be told about its spanning tree; ranges and defaults are those of IEEE 802.1D-1998 tables 8-3 and 8-4.</summary>
public sealed record SpanningTreeOptions
{
    /// <summary>Least <see cref="HelloSeconds"/>.</summary>
    public const int MinHelloSeconds = 1;

    /// <summary>Greatest <see cref="HelloSeconds"/>.</summary>
    public const int MaxHelloSeconds = 10;

    /// <summary>Least <see cref="MaxAgeSeconds"/>.</summary>
    public const int MinMaxAgeSeconds = 6;

    /// <summary>Greatest <see cref="MaxAgeSeconds"/>.</summary>
    public const int MaxMaxAgeSeconds = 40;

    /// <summary>Least <see cref="ForwardDelaySeconds"/>.</summary>
    public const int MinForwardDelaySeconds = 4;

    /// <summary>Greatest <see cref="ForwardDelaySeconds"/>.</summary>
    public const int MaxForwardDelaySeconds = 30;

    /// <summary>The first half of the bridge identifier: the lowest in the network is the root.</summary>
    public ushort Priority { get; init; } = 0x8000;

    /// <summary>Between two BPDUs of the root.</summary>
    public int HelloSeconds { get; init; } = 2;

    /// <summary>How long what a neighbour said counts.</summary>
    public int MaxAgeSeconds { get; init; } = 20;

    /// <summary>How long a port listens, and then learns, before it forwards.</summary>
    public int ForwardDelaySeconds { get; init; } = 15;

    /// <summary>Why these times cannot be used together, or null if they can.</summary>
    public string? Refusal => this switch
    {
        { HelloSeconds: < MinHelloSeconds or > MaxHelloSeconds } => $"the hello time is {MinHelloSeconds} to {MaxHelloSeconds} s",
        { MaxAgeSeconds: < MinMaxAgeSeconds or > MaxMaxAgeSeconds } => $"the maximum age is {MinMaxAgeSeconds} to {MaxMaxAgeSeconds} s",
        { ForwardDelaySeconds: < MinForwardDelaySeconds or > MaxForwardDelaySeconds } =>
            $"the forward delay is {MinForwardDelaySeconds} to {MaxForwardDelaySeconds} s",
        // §8.10.2: old information must die everywhere before a new port forwards, and survive one lost hello.
        _ when 2 * (ForwardDelaySeconds - 1) < MaxAgeSeconds => "the maximum age is at most twice (forward delay - 1 s)",
        _ when MaxAgeSeconds < 2 * (HelloSeconds + 1) => "the maximum age is at least twice (hello time + 1 s)",
        _ => null,
    };
}
