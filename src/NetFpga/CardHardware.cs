using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Transports;
using Softswitch.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.Specs;

namespace Softswitch.NetFpga;

/// <summary>What <see cref="NetFpgaCard"/> drives: registers, and four interfaces.</summary>
/// <param name="Registers">Owned by the driver.</param>
/// <param name="OpenInterface">Opens the interface of a card's port, 0 to 3, for the driver to own. Throws <see cref="PortException"/>.</param>
internal sealed record CardHardware(IRegisterAccess Registers, Func<int, IPortDevice> OpenInterface)
{
    /// <summary>Finds a card in the calling thread's network namespace.</summary>
    /// <param name="firstInterface">As <see cref="NetFpgaCard.FirstInterface"/>.</param>
    /// <exception cref="PortException">There is no way to its registers.</exception>
    public static CardHardware Find(CardSpec spec, int firstInterface) => new(RegisterTransports.Open(spec.Name!, spec.Transport), port =>
    {
        string name = CardNetdev.NameOf(firstInterface + port);
        return AfPacketPort.Open($"interface {name}", name);
    });
}
