using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Ports;

/// <summary>
/// Treats traced packets as the device's queues treat packets before the wire. But it sends nothing and asks for nothing, and counts its
/// drops on the account it is given (<see cref="IPort.CountOn"/>).
/// </summary>
/// <remarks>Threads: one at a time, whichever it is. Disposing gives back the waiting packets; the frames' owner still exists then.</remarks>
internal interface IEgressTrace : IPort, IDisposable
{
    /// <summary>The device by which its packets leave; null while that is gone.</summary>
    IPortDevice? Below { get; }

    /// <summary>Packets that wait, such as for the next hop's address.</summary>
    int WaitingCount { get; }

    /// <summary>A packet by which it answers the last one, to be received by the port; null if there is none.</summary>
    byte[]? TakeAnswer(FrameCache frames);

    /// <summary>How the last packet finds its way, for people, such as <c>next hop 10.0.0.1, not yet asked for</c>.</summary>
    string Way { get; }
}
