using System.Net;
using Softswitch.Datapath.Headers;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Controllers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Lab;

/// <summary>What joins two nodes, for the drawing.</summary>
/// <param name="NearLabel">Written at the near end, as port numbers and addresses are.</param>
/// <param name="IsTunnel">Whether it goes by way of other cables.</param>
internal sealed record LabCable(LabNode Near, LabNode Far, string NearLabel, string FarLabel, bool IsTunnel = false);

/// <summary>Hosts, routers, switches and controllers in private network namespaces, and the cables between them.</summary>
/// <remarks>
/// Nothing of the machine's network is seen or touched, and nothing is left when the process ends, however it does. Controllers have a namespace to
/// themselves, with a cable to each switch that is not part of any topology: the "separate management port" of NetFPGA hosts. Threads: one.
/// </remarks>
internal sealed class Testbed : IDisposable
{
    private readonly List<LabNode> _nodes = [];
    private readonly List<LabCable> _cables = [];
    private readonly List<OfController> _controllers = [];
    private readonly LabNode _control = new("controllers");
    private readonly Action<string> _log;

    /// <param name="log">Takes lines for people about connections and ports, on any thread.</param>
    public Testbed(Action<string> log) => _log = log;

    /// <summary>In the order of their making.</summary>
    public IReadOnlyList<LabNode> Nodes => _nodes;

    public IReadOnlyList<LabCable> Cables => _cables;

    /// <summary>For cables that are laid, and switches that are started, from now on.</summary>
    public LabWiring Wiring { get; init; } = new();

    public IEnumerable<LabSwitch> Switches => _nodes.OfType<LabSwitch>();

    /// <param name="x">Column in the drawing.</param>
    /// <param name="y">Row in the drawing.</param>
    public T Add<T>(T node, double x, double y)
        where T : LabNode
    {
        _nodes.Add(node);
        node.Place = (x, y);
        return node;
    }

    /// <summary>Starts a controller in the controllers' namespace; it is the lab's from now on.</summary>
    public T AddController<T>(T controller)
        where T : OfController
    {
        _controllers.Add(controller);
        _control.Run(controller.Start);
        return controller;
    }

    /// <summary>A cable from a host to a port of a switch: one of the places where the host may be.</summary>
    /// <param name="options">Of the port, as behind <c>--port</c>.</param>
    public void Connect(LabHost host, LabSwitch device, ushort port, string options = "")
    {
        _cables.Add(new LabCable(host, device, host.NextInterface, $"{port}"));
        device.AddPort(Lay(host, device, port, options));
    }

    /// <summary>A cable from a host to a port of a switch that runs, in place of the one there was.</summary>
    public void Reconnect(LabHost host, LabSwitch device, ushort port)
    {
        string end = LabSwitch.InterfaceOf(port);
        device.Unplug(port);
        if (device.Links.FindLink(end) != null)
        {
            device.Links.Delete(end);
        }
        _cables.Add(new LabCable(host, device, host.NextInterface, $"{port}"));
        device.PlugIn(Lay(host, device, port, options: string.Empty));
    }

    /// <summary>Draws a cable that a node has laid itself.</summary>
    public void Draw(LabCable cable) => _cables.Add(cable);

    /// <summary>A cable from a router to a port of a switch.</summary>
    /// <param name="options">Of the port, such as <c>address=10.0.0.1/24,gateway=10.0.0.254</c>.</param>
    public void Connect(LabRouter router, MacAddress hardwareAddress, Ipv4Prefix address, LabSwitch device, ushort port, string options = "")
    {
        device.AddPort(Wiring.Lay(router, router.NextInterface, hardwareAddress, device, port, options));
        router.Accept(hardwareAddress, address);
        _cables.Add(new LabCable(router, device, Ipv4Text.Format(address.Address), $"{port}"));
    }

    /// <summary>A cable between a router and a host without a switch.</summary>
    public void Connect(LabRouter router, MacAddress hardwareAddress, Ipv4Prefix address, LabHost host)
    {
        string end = router.NextInterface;
        string far = host.NextInterface;
        VethCable.Lay(host.Network, far, router.Network, end, hardwareAddress);
        host.Links.SetHardwareAddress(far, host.HardwareAddress);
        Wiring.Limit(router, end);
        Wiring.Limit(host, far);
        router.Accept(hardwareAddress, address);
        host.Accept(router.Network, end);
        _cables.Add(new LabCable(router, host, Ipv4Text.Format(address.Address), far));
    }

    /// <summary>A cable between two routers.</summary>
    public void Connect(LabRouter near, MacAddress nearAddress, Ipv4Prefix nearPrefix, LabRouter far, MacAddress farAddress, Ipv4Prefix farPrefix)
    {
        string nearEnd = near.NextInterface;
        string farEnd = far.NextInterface;
        VethCable.Lay(near.Network, nearEnd, far.Network, farEnd, farAddress);
        near.Links.SetHardwareAddress(nearEnd, nearAddress);
        Wiring.Limit(near, nearEnd);
        Wiring.Limit(far, farEnd);
        near.Accept(nearAddress, nearPrefix);
        far.Accept(farAddress, farPrefix);
        _cables.Add(new LabCable(near, far, Ipv4Text.Format(nearPrefix.Address), Ipv4Text.Format(farPrefix.Address)));
    }

    /// <summary>A cable between ports of two switches.</summary>
    /// <param name="nearOptions">Of the near port, as above.</param>
    public void Connect(LabSwitch near, ushort nearPort, LabSwitch far, ushort farPort, string nearOptions = "", string farOptions = "")
    {
        (PortOption nearEnd, PortOption farEnd) = Wiring.Lay(near, nearPort, nearOptions, far, farPort, farOptions);
        near.AddPort(nearEnd);
        far.AddPort(farEnd);
        _cables.Add(new LabCable(near, far, $"{nearPort}", $"{farPort}"));
    }

    /// <summary>A tunnel between two switches, by way of ports that have the addresses of its ends.</summary>
    /// <param name="kind">ipip, gre, vxlan, capsulator.</param>
    /// <param name="options">Besides the ends, such as <c>key=7</c>.</param>
    public void ConnectByTunnel(string kind, LabSwitch near, ushort nearPort, Be32 nearEnd, LabSwitch far, ushort farPort, Be32 farEnd, string options = "")
    {
        string more = options.Length == 0 ? string.Empty : $",{options}";
        near.AddPort($"{nearPort}={kind}:local={Ipv4Text.Format(nearEnd)},remote={Ipv4Text.Format(farEnd)}{more}");
        far.AddPort($"{farPort}={kind}:local={Ipv4Text.Format(farEnd)},remote={Ipv4Text.Format(nearEnd)}{more}");
        _cables.Add(new LabCable(near, far, $"{nearPort}", $"{farPort}", IsTunnel: true));
    }

    /// <summary>Starts a switch under these controllers of the lab.</summary>
    public void Start(LabSwitch device, params IReadOnlyList<OfController> controllers) => StartAll([device], controllers);

    /// <summary>Starts several switches at once, under the same controllers.</summary>
    public void StartAll(IReadOnlyList<LabSwitch> devices, params IReadOnlyList<OfController> controllers) => StartAll(devices, _ => controllers);

    /// <summary>Starts several switches at once, each under controllers of its own.</summary>
    public void StartAll(IReadOnlyList<LabSwitch> devices, Func<LabSwitch, IReadOnlyList<OfController>> controllersOf)
    {
        Dictionary<LabSwitch, string> addresses = devices.ToDictionary(device => device, ConnectToControllers);
        // Most of a switch's start and end is waiting for the kernel, for all of them at the same time.
        ParallelThreads.ForEach(devices, devices.Count, device =>
        {
            string? whyNoCard = Wiring.UsesCards ? device.FindWhyNoCard() : null;
            bool isOnCard = Wiring.UsesCards && whyNoCard == null;
            device.Start(
                [
                    .. controllersOf(device)
                        .Select(controller => new ConnectionTarget(ConnectionTransport.Tcp, IsPassive: false, addresses[device], controller.Port)),
                ],
                _log, isOnCard);
            if (Wiring.UsesCards)
            {
                _log(isOnCard ? $"{device.Name} is an emulated NetFPGA card" : $"{whyNoCard}; it stays in software");
            }
        });
        foreach (LabHost host in _nodes.OfType<LabHost>().Where(host => devices.Any(device => device.IsPlugged(host.Network))))
        {
            host.Rest();
        }
    }

    /// <returns>The controllers' address at a switch's cable to them.</returns>
    private string ConnectToControllers(LabSwitch device)
    {
        // 172.31.N.1 is the controllers' end of switch N's cable, 172.31.N.2 the switch's.
        int number = Switches.TakeWhile(other => other != device).Count();
        uint network = 0xac1f_0000 + ((uint)number << 8);
        string end = $"switch{number}";
        VethCable.Lay(_control.Network, end, device.Network, "control");
        _control.AddAddress(end, new Ipv4Prefix(Be32.FromHost(network + 1), 24));
        device.AddAddress("control", new Ipv4Prefix(Be32.FromHost(network + 2), 24));
        return new IPAddress(Be32.FromHost(network + 1).Raw).ToString();
    }

    /// <summary>What ended a switch's thread or a machine that must not end; null while all run.</summary>
    public string? FindFailure() =>
        Switches.Where(device => device.IsStarted && device.Host.Failed.IsCancellationRequested).Select(device => $"{device.Name} has failed").FirstOrDefault()
        ?? _nodes.Select(node => node.FindFailure()).FirstOrDefault(failure => failure != null)
        ?? (Wiring.UsesCards && Switches.All(device => device.IsStarted && !device.IsOnCard)
            ? $"no switch here can be a card: {Switches.First().FindWhyNoCard()}"
            : null);

    /// <summary>How to look around while it runs, a line each.</summary>
    public IEnumerable<string> DescribeAccess() =>
        [.. _nodes.Select(node => $"{node.Name}: {node.AccessCommand}"), $"controllers: {_control.EnterCommand} ss -tn"];

    /// <summary>Ends switches, then controllers, then the namespaces with all in them.</summary>
    public void Dispose()
    {
        LabSwitch[] switches = [.. Switches];
        ParallelThreads.ForEach(switches, switches.Length, device => device.Stop());
        _controllers.ForEach(controller => controller.Dispose());
        _nodes.ForEach(node => node.Dispose());
        _control.Dispose();
    }

    private PortOption Lay(LabHost host, LabSwitch device, ushort port, string options)
    {
        PortOption option = Wiring.Lay(host, host.NextInterface, host.HardwareAddress, device, port, options);
        host.Accept(option.Spec.Network ?? device.Network, option.Spec.Target);
        return option;
    }
}
