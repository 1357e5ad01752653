using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;

namespace Softswitch.Ports.KernelOffload;

/// <summary>A port of the switch, as the kernel may use it.</summary>
/// <param name="port">Its settings.</param>
/// <param name="slot">Its place in the layout; negative if its packets do not pass here.</param>
internal readonly struct OffloadablePort(in OffloadPort port, int slot)
{
    public ushort Number { get; } = port.Number;

    public int Slot { get; } = slot;

    /// <summary>Nothing leaves by it: the software counts outputs that name it, floods pass it over.</summary>
    public bool IsClosed { get; } = (port.Config & (PortConfig.PortDown | PortConfig.NoForward)) != 0;

    /// <summary>Whether outputs may go there from here: nothing schedules its packets.</summary>
    public bool LetsOut => Slot >= 0 && !IsClosed && !_isScheduled;

    /// <summary>Whether OFPP_FLOOD goes there.</summary>
    public bool Floods { get; } = (port.Config & PortConfig.NoFlood) == 0;

    /// <summary>Whether all that comes in by it is for the flow table.</summary>
    public bool Receives { get; } = (port.Config & (PortConfig.PortDown | PortConfig.NoReceive | PortConfig.NoReceiveStp)) == 0;

    private readonly bool _isScheduled = port.IsScheduled;
}
