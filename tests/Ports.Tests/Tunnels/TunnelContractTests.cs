using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>The contract inside of a tunnel: frames arrive wrapped, and what is sent is unwrapped to be looked at.</summary>
public sealed class TunnelContractTests : PortContract
{
    private const uint Vni = 7;

    internal override PortHarness Open(FramePool pool) => new Harness(pool);

    internal override bool HoardBeforeOffer => true;

    private sealed class Harness(FramePool pool) : UnderlayHarness(pool, $"vxlan:local=10.0.0.1,remote=10.0.0.2,key={Vni},remote-mac=02:00:00:00:00:b2")
    {
        public override IPortDevice Device => Host[0];

        /// <summary>What fits into the underlay's MTU behind the outer headers.</summary>
        public override int MaxFrame => 1464;

        /// <summary>The wire's: whoever has the wire gets the frame.</summary>
        public override long ReceiveDropped => Host.Wire.ReadCounters().ReceiveDropped;

        public override bool TryOffer(ReadOnlySpan<byte> frame)
        {
            bool comes = base.TryOffer(ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(Vni, frame.ToArray())));
            Host.Poll();
            return comes;
        }

        public override byte[]? NextSent() => base.NextSent() is { } outer ? ReferenceTunnel.Open(outer, ReferenceTunnel.Udp)[16..] : null;
    }
}

/// <summary>The contract of an underlay for what is none of its tunnels': it passes as by the device alone.</summary>
public sealed class UnderlayContractTests : PortContract
{
    internal override PortHarness Open(FramePool pool) => new UnderlayHarness(pool);

    internal override bool HoardBeforeOffer => true;
}

internal class UnderlayHarness(FramePool pool, params string[] tunnels) : PortHarness(pool)
{
    protected TunnelHost Host { get; } = new(pool: pool, tunnels: tunnels);

    public override IPortDevice Device => Host.Underlay;

    public override bool TryOffer(ReadOnlySpan<byte> frame) => Host.Wire.TryInject(frame);

    public override byte[]? NextSent()
    {
        if (!Host.Wire.TryCollect(out Packet packet))
        {
            return null;
        }
        byte[] bytes = packet.Bytes.ToArray();
        Host.Wire.FarFrames.Release(packet);
        return bytes;
    }

    public override void ReleaseFarEnd()
    {
        Host.Frames.Drain();
        Host.Wire.FarFrames.Drain();
    }

    public override void Dispose() => Host.Dispose();
}
