namespace Softswitch.Datapath.SpanningTree;

/// <summary>The three times that the root decides for the whole tree. Milliseconds.</summary>
internal readonly record struct BridgeTimes(int MaxAge, int Hello, int ForwardDelay)
{
    /// <summary>Hold time: no port sends two configuration BPDUs within it (802.1D-1998 table 8-3).</summary>
    public const int Hold = 1000;

    /// <summary>Message age increment: what each bridge adds to the age of what it passes on (802.1D-1998 table 8-2 allows up to 1 s).</summary>
    /// <remarks>A whole second, so that a rumour about a root that is gone dies after at most max age hops, however fast it travels.</remarks>
    public const int AgeIncrement = 1000;

    public static BridgeTimes From(SpanningTreeOptions options) =>
        new(options.MaxAgeSeconds * 1000, options.HelloSeconds * 1000, options.ForwardDelaySeconds * 1000);

    /// <summary>The same within the standard's ranges: a root that announces no forward delay at all must not have us forward at once.</summary>
    public BridgeTimes Clamp() => new(
        Math.Clamp(MaxAge, SpanningTreeOptions.MinMaxAgeSeconds * 1000, SpanningTreeOptions.MaxMaxAgeSeconds * 1000),
        Math.Clamp(Hello, SpanningTreeOptions.MinHelloSeconds * 1000, SpanningTreeOptions.MaxHelloSeconds * 1000),
        Math.Clamp(ForwardDelay, SpanningTreeOptions.MinForwardDelaySeconds * 1000, SpanningTreeOptions.MaxForwardDelaySeconds * 1000));
}
