using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Null;

/// <summary><c>null:</c> receives nothing and releases what it is sent; the switch's port counters count it.</summary>
internal sealed class NullPort : IPort, IPortDevice
{
    /// <param name="name">Shown to controllers.</param>
    /// <param name="queues">For how many workers it has a queue of its own; the others hand their packets to one of these.</param>
    public NullPort(string name, int queues = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(queues, 1);
        Name = name;
        HardwareAddress = LocalMacAddress.For(name);
        // It keeps nothing, so it can be every worker's queue at once.
        Queues = [.. Enumerable.Repeat<IPort>(this, queues)];
    }

    public string Name { get; }

    public string Backend { get; init; } = "null: counts and drops";

    public MacAddress HardwareAddress { get; init; }

    public bool IsUp { get; init; } = true;

    /// <summary>True: there is nothing to finish for a packet that goes nowhere.</summary>
    public bool TakesOffloads => true;

    public IReadOnlyList<IPort> Queues { get; }

    public int PollDescriptor => -1;

    public int Receive(PacketBatch batch, FrameCache frames) => 0;

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        frames.Release(packets);
        return packets.Length;
    }

    public PortLink ReadLink() => new(IsUp, Mtu: 0);

    public PortCounters ReadCounters() => default;

    public void SetAdministrativeState(bool up)
    {
    }

    public void Dispose()
    {
    }
}
