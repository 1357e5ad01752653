using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;

namespace Softswitch.Testing;

/// <summary>A port that calls the test when it is asked for packets.</summary>
internal sealed class HookedPort(MemoryPort inner) : ForwardingDevice(inner), IPort
{
    public MemoryPort Inner => inner;

    public Action? OnReceive { get; set; }

    public override IReadOnlyList<IPort> Queues => [this];

    public int PollDescriptor => -1;

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        OnReceive?.Invoke();
        return inner.Receive(batch, frames);
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames) => inner.Transmit(packets, frames);
}
