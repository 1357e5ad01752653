using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Linux.Memory;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

/// <summary>What one process has of a switch with AF_XDP ports: its frames, its ports, and a wire between the first two. Several stand for several processes.</summary>
internal sealed class XdpSide : IDisposable
{
    private readonly LabNode _space;
    private Bridge? _bridge;

    private XdpSide(LabNode space, FramePool pool)
    {
        _space = space;
        Pool = pool;
    }

    public FramePool Pool { get; }

    public List<AfXdpPort> Ports { get; } = [];

    /// <summary>Frames that are free or a port's; exact while nobody forwards. The others leaked.</summary>
    public int AccountedFrames => Pool.FreeCount + Ports.Sum(port => port.HeldFrames);

    /// <summary>A side that opens its interfaces.</summary>
    public static XdpSide Open(LabNode space, int frames, AfXdpOptions options, params string[] names)
    {
        var side = new XdpSide(space, new FramePool(frames, largeFrameCount: 16, allocate: bytes => HugePages.Allocate(bytes, shared: true)));
        foreach (string name in names)
        {
            side.AddPort(name, options);
        }
        return side;
    }

    public AfXdpPort AddPort(string name, AfXdpOptions options)
    {
        AfXdpPort port = _space.Run(() => AfXdpPort.Open($"port '{name}'", name, Pool, options));
        Ports.Add(port);
        return port;
    }

    /// <summary>A side that has what this one offers, by descriptors of its own as another process would; not adopted yet.</summary>
    public XdpSide Take()
    {
        int memory = GuestRam.Duplicate(Pool.MemoryDescriptor);
        var taker = new XdpSide(
            _space, new FramePool(Pool.FrameCount, Pool.FrameSize, Pool.LargeFrameCount, bytes => HugePages.Map(memory, bytes), isInUse: true));
        foreach (AfXdpPort port in Ports)
        {
            taker.Ports.Add(Take(port.Name, taker.Pool, port.Handover.Offer()));
        }
        return taker;
    }

    /// <summary>Takes one port by duplicates of the offer's descriptors.</summary>
    public AfXdpPort Take(string name, FramePool pool, DeviceOffer offer)
    {
        Assert.True(PortSpec.TryParse($"xdp:{name}", out PortSpec? spec, out string? error), error);
        return (AfXdpPort)_space.Run(() => PortFactory.Take(spec, pool, offer.Sent()));
    }

    public IReadOnlyList<byte[]> SaveState() => [.. Ports.Select(port => port.Handover.SaveState())];

    public void Adopt(IReadOnlyList<byte[]> states)
    {
        for (int i = 0; i < Ports.Count; i++)
        {
            Ports[i].Handover.Adopt(states[i]);
        }
        Pool.FreeUnclaimed();
    }

    public void Forward() => _bridge = new Bridge(Ports[0], Ports[1], Pool);

    /// <summary>Until the next <see cref="Forward"/> no queue is used, and no frame is on its way inside.</summary>
    public void StopForwarding()
    {
        Assert.Equal(0, _bridge!.NotTaken);
        _bridge.Dispose();
        _bridge = null;
    }

    /// <summary>All of it is another side's.</summary>
    public void Yield()
    {
        Ports.ForEach(port => port.Handover.Yield());
        Dispose();
    }

    public void Dispose()
    {
        _bridge?.Dispose();
        Ports.ForEach(port => port.Dispose());
        Pool.Dispose();
    }
}
