using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.Specs;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Handover;

/// <summary>A guest whose front-end connects to the port: the socket it listens at goes along.</summary>
public sealed class VhostUserServerHandoverTests : HandoverContract
{
    internal override HandoverHarness Open() => new VhostUserHarness(isServer: true);
}

/// <summary>A guest whose front-end listens: the next owner connects when the one before hangs up.</summary>
public sealed class VhostUserClientHandoverTests : HandoverContract
{
    internal override HandoverHarness Open() => new VhostUserHarness(isServer: false);
}

internal sealed class VhostUserHarness : HandoverHarness
{
    private const ulong Features = VirtioFeatures.VIRTIO_F_VERSION_1 | VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF | VirtioFeatures.VHOST_USER_F_PROTOCOL_FEATURES;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-handover-");
    private readonly GuestRam _memory = new((0x1000_0000, 16 << 20));
    private readonly GuestNic _nic;
    private readonly UnixListener? _listener;
    private VhostFrontEnd? _guest;

    public VhostUserHarness(bool isServer)
    {
        string path = Path.Combine(_folder.FullName, "guest");
        _listener = isServer ? null : UnixListener.Open(path);
        _nic = new GuestNic(_memory, 256, Features);
        Socket = path;
        Spec = TunnelHost.Spec($"vhost-user:{path}{(isServer ? ",server" : string.Empty)}");
    }

    protected override PortSpec Spec { get; }

    private string Socket { get; }

    public override void Dispose()
    {
        _guest?.Dispose();
        base.Dispose();
        _listener?.Dispose();
        _memory.Dispose();
        _folder.Delete(recursive: true);
    }

    /// <summary>A packet that is no frame.</summary>
    public override void MakeErrors()
    {
        Assert.True(_nic.TrySend([1]));
        Assert.Empty(Owner.Device.Queues[0].ReceiveOnce(Owner.Frames));
        Assert.Equal(1, Owner.Device.ReadCounters().ReceiveErrors);
    }

    /// <summary>The rings are as they were, with what waits in them.</summary>
    protected override void Meet()
    {
        if (_guest != null)
        {
            Eventually.True(_guest.IsHungUp, "the owner before hangs up");
            _guest.Dispose();
        }
        _guest = _listener == null ? VhostFrontEnd.Connect(Socket, _memory) : VhostFrontEnd.Accept(_listener, _memory);
        _guest.Negotiate(Features);
        _guest.ShareMemory();
        _guest.Start(_nic);
        _nic.Fill();
        Eventually.Up(Owner.Device);
    }

    protected override bool TryOffer(byte[] frame) => _nic.TrySend(frame);

    protected override byte[]? NextSent()
    {
        byte[]? frame = _nic.Receive(out _);
        _nic.Fill();
        return frame;
    }
}
