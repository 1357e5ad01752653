using Softswitch.Datapath.Offload;

namespace Softswitch.Testing.Offload;

/// <summary>Hardware under test: an offload and the wires and host queues of its ports, which have the numbers <see cref="SwitchPair.HardwarePorts"/>.</summary>
internal interface IOffloadHardware : IDisposable
{
    IFlowOffload Offload { get; }

    /// <summary>A frame arrives on a port's wire.</summary>
    /// <param name="toWire">Takes what leaves, by port.</param>
    /// <param name="toHost">Takes what is given to the software, by the port it is said to have come in on.</param>
    void Receive(ushort port, byte[] frame, Action<ushort, byte[]> toWire, Action<ushort, byte[]> toHost);

    /// <summary>The software sends a frame by a port.</summary>
    /// <param name="toWire">As for <see cref="Receive"/>.</param>
    /// <param name="toHost">As for <see cref="Receive"/>.</param>
    void Send(ushort port, byte[] frame, Action<ushort, byte[]> toWire, Action<ushort, byte[]> toHost);
}
