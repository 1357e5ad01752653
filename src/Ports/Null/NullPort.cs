using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.Null;

/// <summary><c>null:</c> receives nothing and releases what it is sent; the switch's port counters count it.</summary>
internal sealed class NullPort : VirtualPort, IDeviceHandover
{
    /// <param name="name">Shown to controllers.</param>
    /// <param name="queues">For how many workers it has a queue of its own; the others hand their packets to one of these.</param>
    public NullPort(string name, int queues = 1)
        : base(name, "null: counts and drops")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(queues, 1);
        // It keeps nothing, so it can be every worker's queue at once.
        Queues = [.. Enumerable.Repeat<IPort>(this, queues)];
    }

    public override IDeviceHandover Handover => this;

    public bool IsUp { get; init; } = true;

    /// <summary>Nothing ever comes.</summary>
    public override bool WakeBy(Action wake) => true;

    public override PortLink ReadLink() => new(IsUp, Mtu: 0);
}
