using Softswitch.Ports.Linux;
using Softswitch.Ports.Tunnels;

namespace Softswitch.Lab;

/// <summary>A machine of a lab: a network namespace held by a descriptor, so that it goes with the process however it ends.</summary>
/// <remarks>Threads: any, one at a time.</remarks>
/// <param name="name">For people; different from the other nodes'.</param>
internal class LabNode(string name) : IDisposable
{
    private NetlinkSocket? _links;

    public string Name { get; } = name;

    public NetworkNamespace Network { get; } = NetworkNamespace.Create();

    /// <summary>Where it stands in the drawing, in columns and rows from the upper left.</summary>
    public (double X, double Y) Place { get; set; }

    /// <summary>What is written beside it in the drawing.</summary>
    public virtual string Caption => string.Empty;

    /// <summary>Its interfaces, addresses and routes. The first look at them takes the loopback interface up.</summary>
    public NetlinkSocket Links => _links ??= OpenLinks();

    /// <summary>What starts another program inside, on this machine's command line.</summary>
    public string EnterCommand => Sandbox.IsOrdinaryUser
        ? $"nsenter --target {Environment.ProcessId} --user --preserve-credentials --net=/proc/{Environment.ProcessId}/fd/{Network.Descriptor}"
        : $"nsenter --net=/proc/{Environment.ProcessId}/fd/{Network.Descriptor}";

    /// <summary>Runs code on a thread inside: sockets it opens belong there.</summary>
    public T Run<T>(Func<T> function) => Network.Run(function);

    /// <summary>Adds an IPv4 address to an interface.</summary>
    /// <param name="address">Such as 10.0.0.1/24.</param>
    public void AddAddress(string interfaceName, Ipv4Prefix address) => Links.AddAddress(interfaceName, address.Address, address.Length);

    public virtual void Dispose()
    {
        _links?.Dispose();
        Network.Dispose();
    }

    private NetlinkSocket OpenLinks()
    {
        NetlinkSocket links = Network.Run(NetlinkSocket.Open);
        links.SetUp("lo");
        return links;
    }
}
