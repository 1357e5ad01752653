using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Patch;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Patch;

public sealed class PatchQueueTests : PortTransmitContract
{
    internal override PortHarness Open(FramePool pool) => new Harness(pool);

    private sealed class Harness : PortHarness
    {
        private readonly PatchPort _near;
        private readonly PatchPort _far;
        private readonly FrameCache _farFrames;
        private readonly Queue<byte[]> _sent = new();

        public Harness(FramePool pool)
            : base(pool)
        {
            PatchCables cables = new(pool, queues: 1);
            _near = cables.Open("near", "cable", pool);
            _far = cables.Open("far", "cable", pool);
            _farFrames = pool.CreateCache();
        }

        public override IPortDevice Device => _near;

        public override int MaxFrame => 9000;

        public override bool TryOffer(ReadOnlySpan<byte> frame) => _far.Send(_farFrames, frame.ToArray()) == 1;

        public override byte[]? NextSent()
        {
            if (_sent.Count == 0)
            {
                _far.Queues[0].ReceiveOnce(_farFrames).ForEach(_sent.Enqueue);
            }
            return _sent.TryDequeue(out byte[]? frame) ? frame : null;
        }

        public override void ReleaseFarEnd() => _farFrames.Drain();

        public override void Dispose()
        {
            _near.Dispose();
            _far.Dispose();
        }
    }
}
