namespace Softswitch.Datapath.Ports;

/// <summary>Losses and errors that only a backend can see; zero or growing. They are added to the port's statistics.</summary>
public struct PortLosses
{
    /// <summary>Arrived but lost before a frame held them: ring full, no free frame.</summary>
    public long ReceiveDropped;

    /// <summary>Arrived damaged, truncated or longer than the switch carries.</summary>
    public long ReceiveErrors;

    /// <summary>Taken by <see cref="IPort.Transmit"/> and refused by the device afterwards, or longer than its MTU allows.</summary>
    public long TransmitErrors;

    /// <summary>Taken by <see cref="IPort.Transmit"/> and dropped afterwards for want of a place or a way: a full queue below, an unknown neighbour.</summary>
    public long TransmitDropped;
}
