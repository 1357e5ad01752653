using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Headers;
using Softswitch.Lab.Linux;
using Softswitch.Ports;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Lab;

/// <summary>A host or virtual machine: one Ethernet address, one IPv4 address, and a cable to each place where it may be. One of them is in use.</summary>
/// <remarks>
/// Every cable's end has the same Ethernet address; the one in use has the IPv4 address too, and the others are down. <see cref="Prepare"/> takes the
/// next one up, as a hypervisor does with the port of a machine that is about to arrive; <see cref="MoveTo"/> cuts the old one and goes on at the new
/// one at once. Sockets live through it; routes and neighbours are forgotten.
/// </remarks>
internal sealed class LabHost(string name, MacAddress hardwareAddress, Ipv4Prefix address, Be32? gateway = null) : LabNode(name), IMobileHost
{
    private readonly List<Cable> _cables = [];

    public MacAddress HardwareAddress { get; } = hardwareAddress;

    public Ipv4Prefix Prefix { get; } = address;

    public Be32 Address => Prefix.Address;

    public IPAddress IPAddress => new(Address.Raw);

    public override string Caption => Ipv4Text.Format(Address);

    /// <summary>Places it has cables to.</summary>
    public int Cables => _cables.Count;

    /// <summary>Which cable is in use, from 0.</summary>
    public int Current { get; private set; }

    public string CurrentInterface => InterfaceOf(Current);

    /// <summary>Name of the end of the cable that will be laid next.</summary>
    public string NextInterface => InterfaceOf(Cables);

    /// <summary>Host N, with the Ethernet address 02:00:00:00:00:0N and the address 10.0.0.N/24.</summary>
    public static LabHost Numbered(int number) => new(
        $"h{number}", new MacAddress(0x0200_0000_0000UL + (uint)number), new Ipv4Prefix(Be32.FromHost(0x0a00_0000U + (uint)number), 24));

    /// <summary>Lays a cable to a place where it may be.</summary>
    /// <param name="far">Where its other end is.</param>
    /// <param name="farEnd">That end's interface.</param>
    /// <param name="queues">As of <see cref="VethCable.Lay"/>.</param>
    public void Connect(NetworkNamespace far, string farEnd, int? queues = null)
    {
        VethCable.Lay(far, farEnd, Network, NextInterface, HardwareAddress, queues);
        Accept(far, farEnd);
    }

    /// <summary>Lays the cable in use again after its interface was deleted.</summary>
    public void Reconnect()
    {
        Cable lost = _cables[Current];
        lost.Sender.Dispose();
        VethCable.Lay(lost.Far, lost.FarEnd, Network, CurrentInterface, HardwareAddress);
        _cables[Current] = lost with { Sender = Open(CurrentInterface) };
        Settle();
    }

    /// <summary>Takes over the cable that was laid to <see cref="NextInterface"/>; the first is in use, the others wait.</summary>
    /// <param name="far">Where its other end is.</param>
    /// <param name="farEnd">That end's interface.</param>
    public void Accept(NetworkNamespace far, string farEnd)
    {
        string end = NextInterface;
        _cables.Add(new Cable(Open(end), far, farEnd));
        if (Cables == 1)
        {
            Settle();
        }
        else
        {
            Links.SetUp(end, up: false);
        }
    }

    /// <summary>Takes down the cables that are not in use: a switch that opens a TAP device takes it up.</summary>
    public void Rest()
    {
        foreach (int cable in Enumerable.Range(0, Cables).Where(cable => cable != Current))
        {
            Links.SetUp(InterfaceOf(cable), up: false);
        }
    }

    /// <summary>Takes the cable to another place up, before the move: what either end sends before the kernel has activated it is lost.</summary>
    /// <exception cref="PortException">It does not come up.</exception>
    public void Prepare(int cable)
    {
        string end = InterfaceOf(cable);
        Links.SetUp(end);
        AwaitUp(end);
        using NetlinkSocket far = _cables[cable].Far.Run(NetlinkSocket.Open);
        far.AwaitUp(_cables[cable].FarEnd);
    }

    /// <summary>Moves to another place, which is prepared. Nothing is said to the network: see <see cref="Announce"/>.</summary>
    /// <returns>Null: there is no hypervisor to say anything.</returns>
    public MigrationFigures? MoveTo(int cable)
    {
        string left = CurrentInterface;
        Links.SetUp(left, up: false);
        Current = cable;
        Settle();
        Links.DeleteAddress(left, Address, Prefix.Length);
        return null;
    }

    /// <summary>Forgets the Ethernet addresses of its neighbours, as the kernel does when an interface's last address goes.</summary>
    public void ForgetNeighbours()
    {
        Links.DeleteAddress(CurrentInterface, Address, Prefix.Length);
        Settle();
    }

    /// <inheritdoc/>
    public void Announce() => SendFrame(new ArpMessage(ArpMessage.Request, HardwareAddress, Address, default, Address).ToFrame(MacAddress.Broadcast));

    /// <inheritdoc/>
    public void AnnounceByRarp() => SendFrame(
        new ArpMessage(ArpMessage.RequestReverse, HardwareAddress, default, HardwareAddress, default).ToFrame(MacAddress.Broadcast, EtherType.Rarp));

    /// <summary>Sends a whole frame by the cable in use.</summary>
    public void SendFrame(ReadOnlySpan<byte> frame) => _cables[Current].Sender.Send(frame);

    /// <inheritdoc/>
    public MacAddress? FindNeighbour(Be32 address) => ArpCache.Find(Network.Run(static () => File.ReadAllText("/proc/thread-self/net/arp")), address);

    /// <inheritdoc/>
    public Socket Listen(ProtocolType protocol, ushort port)
    {
        bool isTcp = protocol == ProtocolType.Tcp;
        Socket socket = Run(() => new Socket(AddressFamily.InterNetwork, isTcp ? SocketType.Stream : SocketType.Dgram, protocol));
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            if (isTcp)
            {
                socket.NoDelay = true;
                socket.Listen();
            }
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public TimeSpan? Ping(Be32 to, TimeSpan patience)
    {
        using PingSocket ping = Run(static () => new PingSocket());
        long sent = Stopwatch.GetTimestamp();
        ping.TrySend(new IPAddress(to.Raw), 0);
        // A raw socket is readable by every ICMP message of the host, too.
        while (!ping.TryReceive(out _, out _))
        {
            TimeSpan left = patience - Stopwatch.GetElapsedTime(sent);
            if (left <= TimeSpan.Zero || !ping.Socket.Poll(left, SelectMode.SelectRead))
            {
                return null;
            }
        }
        return Stopwatch.GetElapsedTime(sent);
    }

    /// <inheritdoc/>
    public CableEnd CableTo(int place) => new(this, InterfaceOf(place));

    public override void Dispose()
    {
        _cables.ForEach(cable => cable.Sender.Dispose());
        base.Dispose();
    }

    private static string InterfaceOf(int cable) => $"eth{cable}";

    private FrameSender Open(string end) => Network.Run(() => FrameSender.Open(end));

    private void Settle()
    {
        AddAddress(CurrentInterface, Prefix);
        if (gateway is { } next)
        {
            Links.AddRoute(default, 0, next);
        }
    }

    private sealed record Cable(FrameSender Sender, NetworkNamespace Far, string FarEnd);
}
