using Softswitch.Datapath.Packets;
using Softswitch.Ports.VhostUser;

namespace Softswitch.Ports.Tests.VhostUser;

[Trait("HardwarePaths", "PacketCopy")]
public sealed class VhostUserQueueTests : PortContract
{
    internal override PortHarness Open(FramePool pool) => new RingHarness(pool: pool);
}

/// <summary>The same of a driver of the time before virtio 1.0, with headers of 10 bytes, and with the event index around the wrap of the indices.</summary>
public sealed class LegacyVhostUserQueueTests : PortContract
{
    internal override PortHarness Open(FramePool pool) => new RingHarness(VirtioFeatures.VIRTIO_F_RING_EVENT_IDX, startAt: 65500, pool: pool);
}
