using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.NetFpga.Emulator;

/// <summary>A wire of the emulated card with nothing at its end: no link, nothing comes, and what is sent is gone.</summary>
internal sealed class UnpluggedWire : IPort, IPortDevice
{
    public UnpluggedWire(string name)
    {
        HardwareAddress = LocalMacAddress.For(name);
        Queues = [this];
    }

    public string Name => "nothing";

    public string Backend => "not plugged in";

    public MacAddress HardwareAddress { get; }

    public bool TakesOffloads => true;

    public IReadOnlyList<IPort> Queues { get; }

    public int PollDescriptor => -1;

    public int Receive(PacketBatch batch, FrameCache frames) => 0;

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        frames.Release(packets);
        return packets.Length;
    }

    public PortLink ReadLink() => new(Up: false, Mtu: 0);

    public PortLosses ReadLosses() => default;

    public void SetAdministrativeState(bool up)
    {
    }

    public void Dispose()
    {
    }
}
