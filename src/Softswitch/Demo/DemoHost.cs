using System.Net;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux;

namespace Softswitch.Demo;

/// <summary>One host of the demo: a namespace, an interface with an address, and a socket to ping others from. Its kernel answers pings.</summary>
internal sealed class DemoHost : IDisposable
{
    private const string InterfaceName = "eth0";
    private const int PrefixLength = 24;

    private readonly NetworkNamespace _network;

    private DemoHost(int number, NetworkNamespace network)
    {
        Number = number;
        _network = network;
        Ping = network.Run(() => new PingSocket());
    }

    /// <summary>From 1.</summary>
    public int Number { get; }

    public string Name => $"h{Number}";

    public IPAddress Address => new(new byte[] { 10, 0, 0, (byte)Number });

    /// <summary>The interface at the switch that this host hangs on.</summary>
    public string SwitchInterface => InterfaceOf(Number);

    public PingSocket Ping { get; }

    /// <summary>Makes the host and its cable to the namespace of <paramref name="here"/>, where the switch is.</summary>
    public static DemoHost Create(int number, NetlinkSocket here)
    {
        NetworkNamespace network = NetworkNamespace.Create();
        try
        {
            string port = InterfaceOf(number);
            here.CreateVethPair(port, InterfaceName, network, new MacAddress(0x0200_0000_0000UL + (uint)number));
            here.SetNoIpv6Address(port);
            here.SetUp(port);
            using NetlinkSocket there = network.Run(NetlinkSocket.Open);
            there.SetUp("lo");
            there.SetNoIpv6Address(InterfaceName);
            there.SetUp(InterfaceName);
            there.AddAddress(InterfaceName, Be32.FromHost(0x0a00_0000U + (uint)number), PrefixLength);
            return new DemoHost(number, network);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Ping.Dispose();
        _network.Dispose();
    }

    private static string InterfaceOf(int number) => $"s1-h{number}";
}
