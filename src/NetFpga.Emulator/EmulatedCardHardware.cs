using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Registers;
using Softswitch.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.Null;
using Softswitch.Ports.Specs;

namespace Softswitch.NetFpga.Emulator;

/// <summary>What <c>--netfpga emulator</c> gives the driver in a card's place.</summary>
internal static class EmulatedCardHardware
{
    /// <param name="firstInterface">As <see cref="NetFpgaCard.FirstInterface"/>.</param>
    /// <param name="pool">The switch's frames.</param>
    public static CardHardware Create(CardSpec spec, int firstInterface, FramePool pool)
    {
        EmulatedCard card = new(new EmulatedCardOptions { Layout = spec.Layout ?? CardLayout.V10 });
        EmulatedCardDevice device = new(card);
        bool[] isOpen = new bool[CardPort.Count];
        return new CardHardware(card, port =>
        {
            if (isOpen[port])
            {
                throw new PortException("is a port already");
            }
            string name = CardNetdev.NameOf(firstInterface + port);
            IPortDevice wire = OpenWire(spec.Wires[port], name);
            wire.SetAdministrativeState(true);
            isOpen[port] = true;
            return new EmulatedNetdev(device, port, wire, name, pool);
        });
    }

    /// <param name="name">The interface's name. If empty there is no interface: no link, no frames received, and frames sent are lost.</param>
    private static IPortDevice OpenWire(string name, string netdev) => name.Length == 0
        ? new NullPort("nothing") { Backend = "not plugged in", HardwareAddress = LocalMacAddress.For(netdev), IsUp = false }
        : AfPacketPort.Open($"wire {name}", name);
}
