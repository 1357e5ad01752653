using System.Net;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Lab.Demo;

/// <summary>One host of the demo, and a socket to ping others from. Its kernel answers pings.</summary>
internal sealed class DemoHost : IDisposable
{
    private readonly LabHost _host;

    private DemoHost(int number, LabHost host)
    {
        Number = number;
        _host = host;
        Ping = host.Run(() => new PingSocket());
    }

    /// <summary>From 1.</summary>
    public int Number { get; }

    public string Name => _host.Name;

    public IPAddress Address => _host.IPAddress;

    /// <summary>The interface at the switch that this host hangs on.</summary>
    public string SwitchInterface => InterfaceOf(Number);

    public PingSocket Ping { get; }

    /// <summary>Makes the host and its cable to <paramref name="here"/>, where the switch is.</summary>
    public static DemoHost Create(int number, NetworkNamespace here)
    {
        var host = LabHost.Numbered(number);
        try
        {
            host.Connect(here, InterfaceOf(number));
            return new DemoHost(number, host);
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Ping.Dispose();
        _host.Dispose();
    }

    private static string InterfaceOf(int number) => $"s1-h{number}";
}
