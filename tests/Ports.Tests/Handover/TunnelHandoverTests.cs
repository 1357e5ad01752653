using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Handover;

/// <summary>A tunnel and its underlay: the next owner knows the neighbour without asking again.</summary>
public sealed class TunnelHandoverTests : HandoverContract
{
    private const uint Vni = 7;

    internal override HandoverHarness Open() => new Harness();

    private sealed class Harness : HandoverHarness
    {
        private readonly MemoryPort _wire;
        private readonly FramePool _pool = new(1024);
        private readonly TestTime _time = new();
        private bool _isKnown;

        protected override FramePool NewPool() => _pool;

        public Harness() => _wire = new MemoryPort("wire", _pool, capacity: 1024) { HardwareAddress = new MacAddress(0x0200_0000_00a1), Mtu = 1500 };

        protected override PortSpec Spec { get; } = TunnelHost.Spec($"vxlan:local=10.0.0.1,remote=10.0.0.2,key={Vni}");

        public override void End()
        {
            base.End();
            _wire.FarFrames.Drain();
        }

        public override void Dispose()
        {
            _wire.Dispose();
            base.Dispose();
        }

        protected override IPortDevice OpenDevice(FramePool pool) => TunnelWithUnderlay.Open(_wire, Spec, pool, _time, offer: null);

        protected override IPortDevice TakeDevice(FramePool pool, DeviceOffer offer) => TunnelWithUnderlay.Open(_wire, Spec, pool, _time, offer);

        protected override void Meet()
        {
            if (_isKnown)
            {
                return;
            }
            // Once for all owners: the first packet asks for the neighbour, which says where it is.
            Assert.Equal(1, Owner.Device.Send(Owner.Frames, Frame(-1)));
            Assert.Empty(Owner.Device.Queues[0].ReceiveOnce(Owner.Frames));
            Assert.Single(_wire.Collect());
            Assert.True(_wire.TryInject(TunnelHost.ArpReply(TunnelHost.PeerAddress, 0x0200_0000_00b2, _wire.HardwareAddress)));
            Assert.Empty(Owner.Device.Queues[0].ReceiveOnce(Owner.Frames));
            Assert.Empty(Owner.Device.Queues[0].ReceiveOnce(Owner.Frames));
            Assert.Equal(Frame(-1), NextSent());
            _isKnown = true;
        }

        protected override bool TryOffer(byte[] frame) => _wire.TryInject(ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(Vni, frame)));

        protected override byte[]? NextSent()
        {
            if (!_wire.TryCollect(out Packet packet))
            {
                return null;
            }
            byte[] outer = packet.Bytes.ToArray();
            _wire.FarFrames.Release(packet);
            return ReferenceTunnel.Open(outer, ReferenceTunnel.Udp)[16..];
        }
    }

    /// <summary>The two ports as one device: a pass over the tunnel is one over its underlay, too.</summary>
    private sealed class TunnelWithUnderlay : ForwardingDevice, IPortDevice, IPort, IDeviceHandover
    {
        private readonly IPortDevice _underlay;
        private readonly IPortDevice _tunnel;
        private readonly QueueLosses _losses;
        private readonly PacketBatch _left = new();

        private TunnelWithUnderlay(IPortDevice underlay, IPortDevice tunnel)
            : base(tunnel)
        {
            (_underlay, _tunnel) = (underlay, tunnel);
            _losses = new QueueLosses([_underlay.Queues[0], _tunnel.Queues[0]]);
            Queues = [this];
        }

        public override IReadOnlyList<IPort> Queues { get; }

        public IDeviceHandover Handover => this;

        public int PollDescriptor => -1;

        public static TunnelWithUnderlay Open(MemoryPort wire, PortSpec spec, FramePool pool, TestTime time, DeviceOffer? offer)
        {
            UnderlaySet set = new(time);
            IPortDevice underlay = set.Wrap(2, new Wire(wire), UnderlayOptions.Read(TunnelHost.Spec("u,address=10.0.0.1/24"))!);
            return new TunnelWithUnderlay(underlay, set.Open(3, spec, pool, out _, offer));
        }

        public int Receive(PacketBatch batch, FrameCache frames)
        {
            _underlay.Queues[0].Receive(_left, frames);
            Assert.Equal(0, _left.Count); // all that comes is the tunnel's
            return _tunnel.Queues[0].Receive(batch, frames);
        }

        public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames) => _tunnel.Queues[0].Transmit(packets, frames);

        public void SaveState(BinaryWriter state)
        {
            _underlay.Handover!.SaveState(state);
            _tunnel.Handover!.SaveState(state);
        }

        public void Adopt(BinaryReader state)
        {
            _underlay.Handover!.Adopt(state);
            _tunnel.Handover!.Adopt(state);
        }

        void IDisposable.Dispose()
        {
            _tunnel.Dispose();
            _underlay.Dispose();
            _losses.Dispose();
        }
    }

    /// <summary>The wire outlasts its owners.</summary>
    private sealed class Wire(MemoryPort inner) : ForwardingDevice(inner), IPortDevice, IDeviceHandover
    {
        public IDeviceHandover Handover => this;

        void IDisposable.Dispose()
        {
        }
    }
}
