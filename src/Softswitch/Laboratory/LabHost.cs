using System.Net;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Tunnels;

namespace Softswitch.Laboratory;

/// <summary>A host or virtual machine: one Ethernet address, one IPv4 address, and a cable to each place where it may be. One of them is in use.</summary>
/// <remarks>
/// Every cable's end in the namespace has the same addresses, and all but one are down: moving takes the one down and the next up, as when a virtual
/// machine stops here and goes on there. Sockets live through it. The addresses and neighbours of an interface that is down are not the kernel's.
/// </remarks>
internal sealed class LabHost(string name, MacAddress hardwareAddress, Ipv4Prefix address, Be32? gateway = null) : LabNode(name)
{
    private readonly List<FrameSender> _senders = [];

    public MacAddress HardwareAddress { get; } = hardwareAddress;

    public Ipv4Prefix Prefix { get; } = address;

    public Be32 Address => Prefix.Address;

    public IPAddress IPAddress => new(Address.Raw);

    public override string Caption => Ipv4Text.Format(Address);

    /// <summary>Places it has cables to.</summary>
    public int Cables => _senders.Count;

    /// <summary>Which cable is in use, from 0.</summary>
    public int Current { get; private set; }

    public string CurrentInterface => InterfaceOf(Current);

    /// <summary>Name of the end of the cable that will be laid next.</summary>
    public string NextInterface => InterfaceOf(Cables);

    /// <summary>Gives the cable that was laid to <see cref="NextInterface"/> its addresses; the first is in use, the others wait.</summary>
    public void Accept()
    {
        string end = NextInterface;
        _senders.Add(Network.Run(() => FrameSender.Open(end)));
        AddAddress(end, Prefix);
        if (Cables == 1)
        {
            AddGateway();
        }
        else
        {
            Links.SetUp(end, up: false);
        }
    }

    /// <summary>Moves to another place. Nothing is said to the network: see <see cref="Announce"/>.</summary>
    public void MoveTo(int cable)
    {
        Links.SetUp(CurrentInterface, up: false);
        Current = cable;
        Links.SetUp(CurrentInterface);
        AddGateway();
    }

    /// <summary>Broadcasts a gratuitous ARP request, as a host does that is new somewhere (RFC 5227 §2.3).</summary>
    public void Announce() => SendFrame(new ArpMessage(ArpMessage.Request, HardwareAddress, Address, default, Address).ToFrame(MacAddress.Broadcast));

    /// <summary>Broadcasts a RARP request with nothing but the Ethernet address in it, as hypervisors do for a machine that has moved.</summary>
    public void AnnounceByRarp() => SendFrame(
        new ArpMessage(ArpMessage.RequestReverse, HardwareAddress, default, HardwareAddress, default).ToFrame(MacAddress.Broadcast, EtherType.Rarp));

    /// <summary>Sends a whole frame by the cable in use.</summary>
    public void SendFrame(ReadOnlySpan<byte> frame) => _senders[Current].Send(frame);

    /// <summary>The Ethernet address this host's kernel has for a neighbour; null if it knows none.</summary>
    public MacAddress? FindNeighbour(Be32 address) => Network.Run<MacAddress?>(() =>
    {
        // Columns: address, hardware type, flags, hardware address, mask, device (proc(5)).
        string wanted = Ipv4Text.Format(address);
        foreach (string[] columns in File.ReadLines("/proc/thread-self/net/arp").Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            if (columns.Length > 3 && columns[0] == wanted && MacAddress.TryParse(columns[3], out MacAddress found) && found.Value != 0)
            {
                return found;
            }
        }
        return null;
    });

    public override void Dispose()
    {
        _senders.ForEach(sender => sender.Dispose());
        base.Dispose();
    }

    private static string InterfaceOf(int cable) => $"eth{cable}";

    private void AddGateway()
    {
        if (gateway is { } next)
        {
            Links.AddRoute(default, 0, next);
        }
    }
}
