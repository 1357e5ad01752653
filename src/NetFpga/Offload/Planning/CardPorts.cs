using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>The switch's ports as the card has to see them.</summary>
/// <param name="numbers">The switch's numbers of card ports 0 to 3; 0 for one that is no port of the switch.</param>
internal sealed class CardPorts(ReadOnlySpan<ushort> numbers)
{
    private const PortConfig IngressClosing = PortConfig.PortDown | PortConfig.NoReceive;
    private const PortConfig EgressClosing = PortConfig.PortDown | PortConfig.NoForward;

    private readonly ushort[] _numbers = numbers.ToArray();
    private readonly OffloadPort?[] _cardPorts = new OffloadPort?[CardPort.Count];
    private OffloadPort[] _all = [];

    /// <summary>Every port of the switch, those elsewhere included.</summary>
    public ReadOnlySpan<OffloadPort> All => _all;

    /// <summary>Card ports, a bit each, whose frames meet the flow table.</summary>
    public byte Open { get; private set; }

    /// <summary>Card ports, a bit each, whose 802.1D frames are dropped and nothing else.</summary>
    public byte WithoutBpdus { get; private set; }

    /// <returns>The numbers of ports that came, went, or are set otherwise than before.</returns>
    public HashSet<ushort> Set(ReadOnlySpan<OffloadPort> ports)
    {
        HashSet<OffloadPort> changed = [.. _all];
        changed.SymmetricExceptWith(ports.ToArray());
        _all = ports.ToArray();
        Open = 0;
        WithoutBpdus = 0;
        for (int port = 0; port < CardPort.Count; port++)
        {
            int index = _numbers[port] == 0 ? -1 : Array.FindIndex(_all, known => known.Number == _numbers[port]);
            _cardPorts[port] = index < 0 ? null : _all[index];
            if (index < 0 || (_all[index].Config & IngressClosing) != 0)
            {
                continue;
            }
            Open |= (byte)(1 << port);
            if ((_all[index].Config & PortConfig.NoReceiveStp) != 0)
            {
                WithoutBpdus |= (byte)(1 << port);
            }
        }
        return [.. changed.Select(port => port.Number)];
    }

    /// <summary>Card ports, a bit each, whose frames a flow can match.</summary>
    public byte IngressOf(in FlowKey key, in FlowKey mask)
    {
        if (mask.InPort == 0)
        {
            return (1 << CardPort.Count) - 1;
        }
        return Find(key.InPort) is int port ? (byte)(1 << port) : (byte)0;
    }

    /// <summary>The card port with the switch's number; null if it is not on the card.</summary>
    public int? Find(ushort number)
    {
        int port = number == 0 ? -1 : Array.IndexOf(_numbers, number);
        return port < 0 ? null : port;
    }

    public ushort NumberOf(int port) => _numbers[port];

    /// <summary>What is known of a card port; null while the switch does not have it.</summary>
    public OffloadPort? this[int port] => _cardPorts[port];

    /// <summary>Card ports, a bit each, that drop frames to the address before they meet the flow table.</summary>
    public byte ClosedTo(MacAddress destination) => (byte)(~Open | (destination == MacAddress.BridgeGroup ? WithoutBpdus : 0));

    /// <summary>Whether nothing may be sent to the port.</summary>
    public static bool IsClosed(OffloadPort port, PortConfig excluded = PortConfig.None) => (port.Config & (EgressClosing | excluded)) != 0;
}
