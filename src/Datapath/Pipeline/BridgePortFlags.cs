namespace Softswitch.Datapath.Pipeline;

/// <summary>What spanning tree lets workers do with a port. They read it once per packet that is bridged or flooded, never for others.</summary>
[Flags]
internal enum BridgePortFlags
{
    None = 0,

    /// <summary>NORMAL learns stations from what the port receives.</summary>
    Learns = 1 << 0,

    /// <summary>NORMAL and FLOOD send to the port, and send on what it received. Its misses may be packet-ins.</summary>
    Forwards = 1 << 1,

    /// <summary>802.1D frames go to the control side instead of the flow table.</summary>
    TakesBpdus = 1 << 2,

    /// <summary>A port outside of spanning tree.</summary>
    Open = Learns | Forwards,
}
