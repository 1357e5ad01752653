using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>Tests on a veth pair in a namespace of their own.</summary>
public abstract class VethTests : IDisposable
{
    private protected VethTests(Action needs, int? queues = null)
    {
        needs();
        Space = new LabNode("veth");
        Frames = Pool.CreateCache();
        VethCable.Lay(Space.Network, "near", Space.Network, "far", queues: queues);
    }

    private protected LabNode Space { get; }

    private protected FramePool Pool { get; } = new(2048, largeFrameCount: 16);

    private protected FrameCache Frames { get; }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        Space?.Dispose();
        Pool.Dispose();
    }

    private protected RawSocket OpenRaw(string name = "far") => Space.Run(() => new RawSocket(name));

    private protected byte[] ReceiveOne(IPortDevice port) => Assert.Single(port.Receive(Frames, 1));

    private protected int Send(IPortDevice port, params byte[][] frames) => port.Send(Frames, frames);

    private protected void SetMtu(int mtu)
    {
        Space.Links.SetMtu("near", mtu);
        Space.Links.SetMtu("far", mtu);
    }

    private protected void AssertEveryFrameIsBack() => Pool.AssertAllFree(Frames);
}
