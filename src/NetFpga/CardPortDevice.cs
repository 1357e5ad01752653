using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga;

/// <summary>A card's port as a port of the switch: packets by its interface, which is the card's queue to and from the host; statistics and link by its registers.</summary>
/// <remarks>
/// The MAC counts all frames on its wire, forwarded by the card or by the host. So its counters cover all of the port's packets, and the workers'
/// counts are not added. The card finishes no checksums and cuts no segments. The link is the PHY's: whether the interface's carrier follows it depends on
/// how the bitfile was loaded. Longest packet: 1986 bytes of payload, as its driver says.
/// </remarks>
internal sealed class CardPortDevice : IPortDevice
{
    private const long PollInterval = 1000; // milliseconds; bytes wrap in 34 seconds

    private readonly IPortDevice _interface;
    private readonly IRegisterAccess _registers;
    private readonly MacCounters _mac;
    private readonly uint _phyStatus;
    private long _polledAt;

    /// <param name="device">The interface. This object disposes of it, and ignores its counters and carrier.</param>
    /// <param name="port">Of the card, 0 to 3.</param>
    /// <exception cref="RegisterAccessException">The card does not answer; the interface stays the caller's.</exception>
    public CardPortDevice(IPortDevice device, IRegisterAccess registers, int port)
    {
        _interface = device;
        _registers = registers;
        _mac = new MacCounters(registers, port);
        _phyStatus = CardRegisters.Phy + ((uint)port * CardRegisters.PhyStride) + CardRegisters.PhyAuxiliaryStatus;
        _polledAt = Environment.TickCount64;
    }

    public string Name => _interface.Name;

    public string Backend => $"NetFPGA by {_registers.Transport}: {_interface.Backend}";

    public MacAddress HardwareAddress => _interface.HardwareAddress;

    public INetworkInterface? Interface => _interface.Interface;

    public bool TakesOffloads => false;

    public IReadOnlyList<IPort> Queues => _interface.Queues;

    public PortLink ReadLink()
    {
        PortLink link = _interface.ReadLink();
        if (Environment.TickCount64 - Volatile.Read(ref _polledAt) >= PollInterval)
        {
            Poll();
        }
        try
        {
            bool isPlugged = (_registers.Read(_phyStatus) & CardRegisters.PhyLinkUp) != 0;
            return link with { Up = isPlugged && !link.IsSetDown && Interface?.HasInterface != false };
        }
        catch (RegisterAccessException)
        {
            return link; // the interface's carrier is the next best
        }
    }

    public PortCounters ReadCounters()
    {
        Poll();
        PortCounters counters = _interface.ReadCounters();
        (long full, long bad) = _mac.Dropped;
        counters.ReceiveDropped += full + bad;
        counters.Traffic = _mac.Traffic;
        return counters;
    }

    /// <summary>Runs an action that sets the card's counters to 0. No counts are lost or added twice.</summary>
    public void CountThrough(Action reset) => _mac.CountThrough(reset);

    public void SetAdministrativeState(bool up) => _interface.SetAdministrativeState(up);

    public void Detach() => _interface.Detach();

    public void Dispose() => _interface.Dispose();

    private void Poll()
    {
        Volatile.Write(ref _polledAt, Environment.TickCount64);
        _mac.Poll();
    }
}
