using Softswitch.Datapath.Packets;
using Softswitch.Ports.Null;

namespace Softswitch.Ports.Tests.Null;

public sealed class NullPortTests
{
    [Fact]
    public void Everything_sent_is_taken_and_released_and_nothing_arrives()
    {
        using var pool = new FramePool(64, largeFrameCount: 4);
        FrameCache frames = pool.CreateCache();
        using var port = new NullPort("null");
        Packet[] packets = new Packet[2];
        for (int i = 0; i < 100_000; i++)
        {
            Assert.True(frames.TryRent(out packets[0]));
            Assert.True(frames.TryRentLarge(out packets[1]));
            Assert.Equal(2, port.Transmit(packets, frames));
        }
        Assert.Equal(0, port.Receive(new PacketBatch(), frames));
        frames.Drain();
        Assert.Equal(64, pool.FreeCount);
        Assert.Equal(4, pool.FreeLargeCount);
    }
}
