namespace Softswitch.Datapath.SpanningTree;

/// <summary>A port's part in the tree (802.1D-1998 §8.4).</summary>
internal enum BridgePortState
{
    /// <summary>Neither sends nor receives: down, or without a link.</summary>
    Disabled,

    /// <summary>Another bridge serves this segment.</summary>
    Blocking,

    /// <summary>About to forward, once older information has died out.</summary>
    Listening,

    /// <summary>As listening, and learns where stations are.</summary>
    Learning,

    Forwarding,
}
