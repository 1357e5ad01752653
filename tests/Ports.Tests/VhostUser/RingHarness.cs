using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.VhostUser;

/// <summary>A queue pair with a made-up guest at its far end, and no session between them.</summary>
internal sealed class RingHarness : PortHarness
{
    public const ulong Modern = VirtioFeatures.VIRTIO_F_VERSION_1;
    public const ulong Mergeable = Modern | VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF;

    private const ulong RamBytes = 64 << 20;

    private readonly bool _ownsPool;

    /// <param name="pool">Null for one of its own, which has every frame in the end.</param>
    public RingHarness(
        ulong features = Mergeable, int size = 256, uint bufferSize = 2048, ushort startAt = 0, bool fill = true, GuestRam? ram = null, int longest = 2048, FramePool? pool = null)
        : base(pool ?? new FramePool(512, 2048, 64))
    {
        _ownsPool = pool == null;
        Ram = ram ?? new GuestRam((0x10000, RamBytes));
        Guest = new GuestNic(Ram, size, features, bufferSize, longest);
        Guest.StartAt(startAt);
        if (fill)
        {
            Guest.Fill();
        }
        Rings = new GuestRings(pairs: 1);
        Device = new RingDevice(Rings);
        Rings.SetFeatures(features);
        Assert.True(Rings.TrySetMemory(Ram.Regions(), out string why), why);
        Guest.Attach(Rings);
    }

    public GuestRam Ram { get; }

    public GuestNic Guest { get; }

    public GuestRings Rings { get; }

    public override IPortDevice Device { get; }

    public VirtQueue FromGuest => Rings.Rings[1];

    public VirtQueue ToGuest => Rings.Rings[0];

    public static unsafe bool IsReadable(int descriptor)
    {
        PollDescriptor poll = new() { Descriptor = descriptor, Events = Libc.POLLIN };
        return Libc.poll(&poll, 1, 0) == 1;
    }

    public override bool TryOffer(ReadOnlySpan<byte> frame) => Guest.TrySend(frame);

    public override byte[]? NextSent() => Guest.Receive(out _);

    public override void Dispose()
    {
        Device.Dispose();
        Ram.Dispose();
        Frames.Drain();
        if (_ownsPool)
        {
            Pool.AssertAllFree();
            Pool.Dispose();
        }
    }

    private sealed class RingDevice(GuestRings rings) : IPortDevice
    {
        public string Name => "guest";

        public string Backend => "rings";

        public MacAddress HardwareAddress => default;

        public bool TakesOffloads => true;

        public bool Takes(in OffloadState offload) => rings.Takes(offload);

        public IReadOnlyList<IPort> Queues => rings.Queues;

        public PortLink ReadLink() => new(rings.IsReady, 0);

        public PortCounters ReadCounters() => rings.ReadCounters();

        public void SetAdministrativeState(bool up)
        {
        }

        public void Dispose() => rings.Dispose();
    }
}
