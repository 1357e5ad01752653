using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Hosting.Tests;

/// <summary>A port that breaks the contract.</summary>
internal sealed class FailingPort(Action fail) : IPort, IPortDevice
{
    public string Name => "failing";

    public string Backend => "fails";

    public MacAddress HardwareAddress => default;

    public bool TakesOffloads => false;

    public IReadOnlyList<IPort> Queues => [this];

    public int PollDescriptor => -1;

    public bool IsClosed { get; private set; }

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        fail();
        return 0;
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames) => 0;

    public PortLink ReadLink() => new(Up: true, Mtu: 1500);

    public PortCounters ReadCounters() => default;

    public void SetAdministrativeState(bool up)
    {
    }

    public void Dispose() => IsClosed = true;
}
