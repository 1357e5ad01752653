using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;
using Xunit;

namespace Softswitch.Testing;

/// <summary>An underlay (port 2) on a memory port and tunnels (3, 4, ...) on it, driven as a worker would, its time in the test's hand.</summary>
internal sealed unsafe class TunnelHost : IDisposable
{
    public const uint LocalAddress = 0x0a000001;
    public const uint PeerAddress = 0x0a000002;

    private readonly PacketBatch _batch = new();
    private readonly List<IPortDevice> _devices = [];
    private readonly NativeArray<PortAccount> _accounts = new(16);

    /// <param name="hidesPartialChecksums">Whether the wire is one where partial checksums are not told.</param>
    /// <param name="tunnels">Specifications.</param>
    public TunnelHost(string underlay = "address=10.0.0.1/24", int mtu = 1500, ulong mac = 0x0200_0000_00a1, FramePool? pool = null, bool hidesPartialChecksums = false, params string[] tunnels)
    {
        Pool = pool ?? new FramePool(1024);
        OwnsPool = pool == null;
        Frames = Pool.CreateCache();
        Wire = new MemoryPort("wire", Pool, capacity: 4096, takesOffloads: true) { HardwareAddress = new MacAddress(mac), Mtu = mtu };
        Set = new UnderlaySet(Time);
        Underlay = Set.Wrap(2, hidesPartialChecksums ? new HidingDevice(Wire) : Wire, UnderlayOptions.Read(Spec($"u,{underlay}"))!);
        Underlay.Queues[0].CountOn(_accounts.Start);
        foreach (string tunnel in tunnels)
        {
            Open(tunnel);
        }
    }

    public TestTime Time { get; } = new();

    public FramePool Pool { get; }

    public FrameCache Frames { get; }

    /// <summary>The far end of the underlay.</summary>
    public MemoryPort Wire { get; }

    public UnderlaySet Set { get; }

    public IPortDevice Underlay { get; }

    /// <summary>What the underlay left to the flow table.</summary>
    public List<byte[]> Left { get; } = [];

    private bool OwnsPool { get; }

    public IPortDevice this[int tunnel] => _devices[tunnel];

    public static PortSpec Spec(string text)
    {
        Assert.True(PortSpec.TryParse(text, out PortSpec? spec, out string? error), error);
        return spec;
    }

    public IPortDevice Open(string tunnel)
    {
        IPortDevice device = Set.Open((ushort)(3 + _devices.Count), Spec(tunnel), Pool, out ushort? beside);
        Assert.Equal((ushort)2, beside);
        _devices.Add(device);
        device.Queues[0].CountOn(_accounts.Start + _devices.Count);
        return device;
    }

    /// <summary>Gives a frame to a tunnel.</summary>
    public void Send(byte[] frame, int tunnel = 0, TunnelState? state = null)
    {
        Packet packet = Frames.Rent(frame);
        if (state is { } chosen)
        {
            packet.Flags |= PacketFlags.HasTunnel;
            Frames.Tunnel(packet) = chosen;
        }
        Assert.Equal(1, _devices[tunnel].Queues[0].Transmit(new ReadOnlySpan<Packet>(in packet), Frames));
    }

    /// <summary>One pass over the underlay; what it leaves is in <see cref="Left"/>.</summary>
    public void Poll() => Left.AddRange(Receive(Underlay));

    /// <summary>Frames come in by the underlay.</summary>
    public void Arrive(params byte[][] frames)
    {
        foreach (byte[] frame in frames)
        {
            Assert.True(Wire.TryInject(frame));
            Poll();
        }
    }

    /// <summary>What waits at a tunnel.</summary>
    public List<byte[]> Received(int tunnel = 0) => Receive(_devices[tunnel]);

    /// <summary>As <see cref="Received"/> after a frame came in, with what packets know beyond their bytes; they are the caller's.</summary>
    public List<Packet> ReceivedPackets(byte[] frame, int tunnel = 0)
    {
        Arrive(frame);
        _devices[tunnel].Queues[0].Receive(_batch, Frames);
        List<Packet> packets = [.. _batch.Packets];
        _batch.Clear();
        return packets;
    }

    /// <summary>What left by the underlay since the last call.</summary>
    public List<byte[]> Sent() => Wire.Collect();

    public void Advance(int milliseconds)
    {
        Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        Poll();
    }

    /// <summary>The peer says where it is, as if asked.</summary>
    public void LearnPeer(uint address = PeerAddress, ulong mac = 0x0200_0000_00b2) => Arrive(ArpReply(address, mac));

    public byte[] ArpReply(uint address, ulong mac) => ArpReply(address, mac, Wire.HardwareAddress);

    /// <param name="to">The underlay's hardware address.</param>
    public static byte[] ArpReply(uint address, ulong mac, MacAddress to)
    {
        byte[] frame = new byte[60];
        new ArpMessage(ArpMessage.Reply, new MacAddress(mac), Be32.FromHost(address), to, Be32.FromHost(LocalAddress)).Write(frame, to);
        return frame;
    }

    /// <summary>What was counted at the underlay, or at a tunnel, the first of which is 1.</summary>
    public PortAccount Account(int device = 0) => _accounts.Start[device];

    /// <summary>The same as statistics of the port.</summary>
    public PortStatistics Statistics(int device = 0)
    {
        PortStatistics statistics = default;
        DropStatistics.AddTo(ref statistics, Account(device));
        return statistics;
    }

    public long Drops(DropReason reason)
    {
        PortAccount total = default;
        for (int i = 0; i <= _devices.Count; i++)
        {
            total.Add(_accounts.Start[i]);
        }
        return (long)(total.Ingress.ReadDrops(reason) + total.Egress.ReadDrops(reason));
    }

    /// <summary>Fails the test if a frame was lost or released twice. A host that shares another's pool goes before that one.</summary>
    public void Dispose()
    {
        _devices.ForEach(device => device.Dispose());
        Underlay.Dispose();
        _accounts.Dispose();
        Frames.Drain();
        if (OwnsPool)
        {
            Assert.Equal((Pool.FrameCount, Pool.LargeFrameCount), (Pool.FreeCount, Pool.FreeLargeCount));
            Pool.Dispose();
        }
    }

    private List<byte[]> Receive(IPortDevice device)
    {
        List<byte[]> frames = [];
        while (device.Queues[0].Receive(_batch, Frames) > 0 || _batch.Count > 0)
        {
            foreach (ref readonly Packet packet in _batch.Packets)
            {
                frames.Add(packet.Bytes.ToArray());
                Frames.Release(packet);
            }
            _batch.Clear();
        }
        return frames;
    }
}
