namespace Softswitch.Datapath.Pipeline;

/// <summary>What becomes of a packet that matches no flow entry.</summary>
internal enum MissBehaviour
{
    /// <summary>Sent to the controller as a packet-in.</summary>
    Controller,

    /// <summary>Dropped and counted: fail mode secure without a controller.</summary>
    Drop,

    /// <summary>Forwarded as by a learning bridge: fail mode standalone without a controller.</summary>
    Normal,
}
