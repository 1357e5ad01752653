using Softswitch.Datapath.Control;
using Softswitch.Ports.Memory;
using Softswitch.Ports.Null;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Which worker serves a port that shares state with another.</summary>
public sealed class PlacementTests
{
    [Fact]
    public void A_port_beside_another_is_served_by_its_workers()
    {
        using var control = new DatapathControl(new DatapathOptions { Workers = 3, FrameCount = 1024 });
        Assert.Equal(ControlError.None, control.Ports.Add(1, new NullPort("a")));
        Assert.Equal(ControlError.None, control.Ports.Add(2, new NullPort("b")));
        using var port = new MemoryPort("c", control.Frames);
        Assert.Equal(ControlError.None, control.Ports.Add(3, port, beside: 1));
        Assert.True(port.TryInject(new byte[60]));
        control.Workers[1].PollOnce();
        control.Workers[2].PollOnce();
        Assert.Equal(1, port.PendingReceive);
        control.Workers[0].PollOnce();
        Assert.Equal(0, port.PendingReceive);
        Assert.Equal(ControlError.BadPort, control.Ports.Add(4, new NullPort("d"), beside: 9));
    }
}
