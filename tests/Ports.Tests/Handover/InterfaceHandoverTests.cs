using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.KernelOffload;
using Softswitch.Ports.Linux.Memory;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Handover;

[Trait("Ring", "peers")]
public sealed class AfPacketHandoverTests : HandoverContract
{
    internal override HandoverHarness Open()
    {
        Needs.Namespaces();
        return new InterfaceHarness("packet:near,rx-slots=512,tx-slots=512", withCable: true); // rings of one size: those that grow open others
    }
}

[Trait("Ring", "peers")]
public sealed class KernelOffloadHandoverTests : HandoverContract
{
    internal override HandoverHarness Open()
    {
        Needs.Namespaces();
        return new KernelHarness();
    }

    /// <summary>Each owner has tables and a program of its own.</summary>
    private sealed class KernelHarness() : InterfaceHarness("packet:near,rx-slots=512,tx-slots=512", withCable: true)
    {
        private readonly List<KernelOffloadPorts> _kernels = [];

        public override string Picture() => base.Picture() + Others;

        public override void Dispose()
        {
            base.Dispose();
            _kernels.ForEach(kernel => kernel.Dispose());
        }

        protected override IPortDevice OpenDevice(FramePool pool)
        {
            IPortDevice device = PortFactory.OpenOffloaded(Spec, 1, pool, NewKernel);
            Assert.IsType<KernelOffloadPort>(device);
            device.SetAdministrativeState(up: true);
            return device;
        }

        protected override IPortDevice TakeDevice(FramePool pool, DeviceOffer offer) => PortFactory.TakeOffloaded(Spec, 1, NewKernel, offer);

        private KernelOffloadPorts NewKernel()
        {
            KernelOffloadPorts kernel = new(1000);
            _kernels.Add(kernel);
            return kernel;
        }
    }
}

[Trait("Ring", "peers")]
public sealed class TapHandoverTests : HandoverContract
{
    internal override HandoverHarness Open()
    {
        Needs.Tun();
        return new InterfaceHarness("tap:near", withCable: false);
    }
}

[Trait("Ring", "peers")]
public sealed class AfXdpDeviceHandoverTests : HandoverContract
{
    internal override HandoverHarness Open()
    {
        Needs.Xdp();
        return new XdpHarness();
    }

    /// <summary>Each owner maps the frames of the first.</summary>
    private sealed class XdpHarness() : InterfaceHarness("xdp:near,rx-slots=256,tx-slots=256", withCable: true)
    {
        private const int Frames = 2048;

        private FramePool? _first;

        protected override FramePool NewPool() =>
            _first = new FramePool(Frames, largeFrameCount: 16, allocate: bytes => HugePages.Allocate(bytes, shared: true));

        protected override FramePool PoolOfNext()
        {
            int memory = GuestRam.Duplicate(_first!.MemoryDescriptor);
            return new FramePool(_first.FrameCount, _first.FrameSize, _first.LargeFrameCount, bytes => HugePages.Map(memory, bytes), isInUse: true);
        }

        protected override void Meet()
        {
            if (Owner.Pool != _first)
            {
                Owner.Pool.FreeUnclaimed();
            }
            base.Meet();
        }
    }
}

/// <summary>An interface in a namespace of its own: one end of a cable, or a TAP device, whose far end is the interface itself.</summary>
internal class InterfaceHarness : HandoverHarness
{
    private readonly LabNode _space = new("handover");
    private readonly bool _hasCable;
    private RawSocket? _far;

    public InterfaceHarness(string spec, bool withCable)
    {
        Spec = TunnelHost.Spec(spec);
        _hasCable = withCable;
        // So that the kernel says nothing of its own.
        _space.Execute("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6").Checked();
        if (withCable)
        {
            VethCable.Lay(_space.Network, "near", _space.Network, "far");
            _space.Links.SetUp("near", false); // the first owner brings it up, and the last one leaves it down
        }
    }

    protected override PortSpec Spec { get; }

    public override string Picture() => _space.Execute("ip", "-d", "-o", "link", "show", "near").Output;

    /// <summary>Names of devices that were made.</summary>
    protected string Others => string.Concat(_space.Execute("ip", "-o", "link").Output.Split('\n').Where(line => line.Contains("punt", StringComparison.Ordinal)));

    public override void Dispose()
    {
        _far?.Dispose();
        base.Dispose();
        _space.Dispose();
    }

    protected override IPortDevice OpenDevice(FramePool pool)
    {
        IPortDevice device = base.OpenDevice(pool);
        device.SetAdministrativeState(up: true);
        return device;
    }

    protected override IPortDevice Enter(Func<IPortDevice> open) => _space.Run(open);

    protected override void Meet()
    {
        Eventually.Up(Owner.Device);
        _far ??= _space.Run(() => new RawSocket(_hasCable ? "far" : "near"));
    }

    protected override bool TryOffer(byte[] frame) => _far!.TrySend(frame);

    protected override byte[]? NextSent() => _far!.Receive();
}
