using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>What a capture sees of an underlay's own packets, which no worker gets.</summary>
public sealed class TunnelCaptureTests
{
    private const string Vxlan = "vxlan:local=10.0.0.1,remote=10.0.0.2,key=42";
    private static readonly byte[] Frame = TestPacket.Tcp(payload: 100);

    [Fact]
    public void The_outer_packets_are_seen_at_the_underlay_both_ways()
    {
        using TunnelHost host = new(tunnels: Vxlan);
        host.Send(Frame); // asks for the peer
        using Watched watched = new(host);
        host.LearnPeer();
        host.Poll();
        host.Sent();
        watched.Read();
        host.LearnPeer();
        host.Send(Frame);
        byte[] sent = Assert.Single(host.Sent());
        byte[] arriving = ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, Frame));
        host.Arrive(arriving);
        Assert.Equal(Frame, Assert.Single(host.Received()));
        Assert.Equal(
            [
                (CapturePoints.Received, 2, Convert.ToHexString(host.ArpReply(TunnelHost.PeerAddress, 0x0200_0000_00b2))),
                (CapturePoints.Sent, 2, Convert.ToHexString(sent)),
                (CapturePoints.Received, 2, Convert.ToHexString(arriving)),
            ],
            watched.Read().Where(p => p.Point != CapturePoints.Dropped));
    }

    [Fact]
    public void What_a_tunnel_drops_is_seen_where_it_ends()
    {
        using TunnelHost host = new(tunnels: Vxlan);
        using Watched watched = new(host);
        byte[] strange = ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(7, Frame));
        host.Arrive(strange);
        Assert.Equal(1, host.Drops(DropReason.TunnelKey));
        Assert.Contains(watched.Read(), p => p.Point == CapturePoints.Dropped);
    }

    private sealed class Watched : IDisposable
    {
        private readonly Capture _capture = new(
            new CaptureFilter(CapturePoints.Received | CapturePoints.Sent | CapturePoints.Dropped, null, FlowMatch.Any), workers: 1);

        private readonly CaptureTap _tap;
        private readonly TunnelHost _host;

        public Watched(TunnelHost host)
        {
            _host = host;
            _tap = CaptureTap.Create([_capture], 0, new TestTime())!;
            host.Frames.Tap = _tap;
        }

        public List<(CapturePoints Point, int Port, string Hex)> Read()
        {
            _tap.EndPass();
            List<(CapturePoints, int, string)> all = [];
            while (_capture.TryRead(long.MaxValue, out CaptureRecord head, out ReadOnlySpan<byte> bytes))
            {
                all.Add((head.Point, head.Port, Convert.ToHexString(bytes)));
            }
            _capture.Release();
            return all;
        }

        public void Dispose()
        {
            _host.Frames.Tap = null;
            _capture.Dispose();
        }
    }
}
