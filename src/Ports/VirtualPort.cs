using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports;

/// <summary>
/// A port without an interface: one queue, a link that is up, nothing received, what is sent released. Derived ones say what they do else.
/// </summary>
/// <remarks>Threads: as <see cref="IPort"/> and <see cref="IPortDevice"/> have it.</remarks>
internal abstract class VirtualPort : IPort, IPortDevice
{
    /// <param name="name">Shown to controllers; the address is made from it.</param>
    protected VirtualPort(string name, string backend)
    {
        Name = name;
        Backend = backend;
        HardwareAddress = LocalMacAddress.For(name);
        Queues = [this];
    }

    public virtual IDeviceHandover? Handover => null;

    public string Name { get; }

    public string Backend { get; init; }

    public MacAddress HardwareAddress { get; init; }

    /// <summary>True: there is nothing to finish for a packet that goes nowhere.</summary>
    public virtual bool TakesOffloads => true;

    public IReadOnlyList<IPort> Queues { get; protected init; }

    public int PollDescriptor => -1;

    public virtual bool WakeBy(Action wake) => false;

    public virtual string? Fault => null;

    public virtual int Receive(PacketBatch batch, FrameCache frames) => 0;

    public virtual int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        frames.Release(packets);
        return packets.Length;
    }

    public virtual PortLink ReadLink() => new(Up: true, Mtu: 0);

    public virtual PortCounters ReadCounters() => default;

    public void SetAdministrativeState(bool up)
    {
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Once or more often.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}
