using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Memory;

public sealed class MemoryPortTests : PortContract
{
    internal override PortHarness Open(FramePool pool) => new Harness(pool);

    internal override bool HoardBeforeOffer => true;

    [Fact]
    public void Flags_and_offload_state_travel_with_the_packet()
    {
        using var pool = new FramePool(64);
        FrameCache frames = pool.CreateCache();
        using var port = new MemoryPort("m", pool, takesOffloads: true);
        Packet packet = port.FarFrames.Rent(new byte[60]);
        packet.Flags = PacketFlags.NeedsChecksum;
        port.FarFrames.Offload(packet).ChecksumStart = 34;
        Assert.True(port.TryInject(packet));
        var batch = new PacketBatch();
        Assert.Equal(1, port.Receive(batch, frames));
        Assert.Equal(PacketFlags.NeedsChecksum, batch.Packets[0].Flags);
        Assert.Equal(34, frames.Offload(batch.Packets[0]).ChecksumStart);
        Assert.Equal(1, port.Transmit(batch.Packets, frames));
        Assert.True(port.TryCollect(out packet));
        Assert.Equal(PacketFlags.NeedsChecksum, packet.Flags);
        port.FarFrames.Release(packet);
    }

    [Fact]
    public void Two_threads_pass_many_packets_in_order()
    {
        const int total = 100_000;
        using var pool = new FramePool(2048);
        using var port = new MemoryPort("m", pool, capacity: 256);
        var worker = new Thread(() => Echo(port, pool.CreateCache(), total));
        worker.Start();
        int injected = 0;
        int collected = 0;
        Span<byte> frame = stackalloc byte[60];
        while (collected < total)
        {
            // Never more in flight than a ring holds: the echo's transmit is then never refused.
            for (; injected < total && injected - collected < 200; injected++)
            {
                BitConverter.TryWriteBytes(frame, injected);
                Assert.True(port.TryInject(frame));
            }
            while (port.TryCollect(out Packet packet))
            {
                Assert.Equal(collected++, BitConverter.ToInt32(packet.Bytes));
                port.FarFrames.Release(packet);
            }
            Thread.Yield();
        }
        Eventually.Ended(worker);
    }

    private static void Echo(MemoryPort port, FrameCache frames, int total)
    {
        var batch = new PacketBatch();
        for (int moved = 0; moved < total;)
        {
            moved += port.Receive(batch, frames);
            int taken = port.Transmit(batch.Packets, frames);
            frames.Release(batch.Packets[taken..]);
            batch.Clear();
            if (taken == 0)
            {
                Thread.Yield();
            }
        }
        frames.Drain();
    }

    private sealed class Harness(FramePool pool) : PortHarness(pool)
    {
        private readonly MemoryPort _port = new("memory", pool, capacity: 512);

        public override IPortDevice Device => _port;

        public override int MaxFrame => 9014;

        public override bool TryOffer(ReadOnlySpan<byte> frame) => _port.TryInject(frame);

        public override byte[]? NextSent()
        {
            if (!_port.TryCollect(out Packet packet))
            {
                return null;
            }
            byte[] bytes = packet.Bytes.ToArray();
            _port.FarFrames.Release(packet);
            return bytes;
        }

        public override void ReleaseFarEnd() => _port.FarFrames.Drain();

        public override void Dispose() => _port.Dispose();
    }
}
