using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Null;

namespace Softswitch.Ports.Tests.Null;

public sealed class NullPortTests : PortTransmitContract
{
    internal override PortHarness Open(FramePool pool) => new Harness(pool);

    [Fact]
    public void Nothing_arrives()
    {
        using FramePool pool = NewPool();
        using PortHarness harness = Open(pool);
        harness.Send(Frame(new Random(Seed), 9000, 0));
        Assert.Equal(0, harness.Queue.Receive(new PacketBatch(), harness.Frames));
        AssertNothingLeaked(harness);
    }

    private sealed class Harness(FramePool pool) : PortHarness(pool)
    {
        private readonly NullPort _port = new("null");

        public override IPortDevice Device => _port;

        public override int MaxFrame => 9014;

        public override bool ShowsSent => false;

        public override bool TryOffer(ReadOnlySpan<byte> frame) => false;

        public override byte[]? NextSent() => null;

        public override void Dispose() => _port.Dispose();
    }
}
