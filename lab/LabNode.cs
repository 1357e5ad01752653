using Softswitch.Ports;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Lab;

/// <summary>A machine of a lab: a network namespace held by a descriptor, so that it goes with the process however it ends.</summary>
/// <remarks>Threads: any, one at a time; <see cref="Run(Action)"/> and commands at any time.</remarks>
internal class LabNode : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<RunningCommand> _running = [];

    /// <param name="name">For people; different from the other nodes'.</param>
    public LabNode(string name)
    {
        Name = name;
        Links = Network.Run(NetlinkSocket.Open);
        Links.SetUp("lo");
    }

    public string Name { get; }

    public NetworkNamespace Network { get; } = NetworkNamespace.Create();

    /// <summary>Its interfaces, addresses and routes.</summary>
    public NetlinkSocket Links { get; }

    /// <summary>The namespace as a file, for other programs: <c>ip link set NAME netns PATH</c>.</summary>
    public string NetworkPath => $"/proc/{Environment.ProcessId}/fd/{Network.Descriptor}";

    /// <summary>Where it stands in the drawing, in columns and rows from the upper left.</summary>
    public (double X, double Y) Place { get; set; }

    /// <summary>The text beside it in the drawing.</summary>
    public virtual string Caption => string.Empty;

    /// <summary>The command, on this machine, that starts another program inside.</summary>
    public string EnterCommand => Sandbox.IsOrdinaryUser
        ? $"nsenter --target {Environment.ProcessId} --user --preserve-credentials --net={NetworkPath}"
        : $"nsenter --net={NetworkPath}";

    /// <summary>The command, on this machine, that opens a shell inside.</summary>
    public virtual string AccessCommand => $"{EnterCommand} ip address";

    /// <summary>The reason why it is not there any more; null while it is.</summary>
    public virtual string? FindFailure() => null;

    /// <summary>Runs code on a thread inside: sockets it opens belong there.</summary>
    public void Run(Action action) => Network.Run(action);

    /// <summary>As <see cref="Run(Action)"/>, with a result.</summary>
    public T Run<T>(Func<T> function) => Network.Run(function);

    /// <summary>Runs a command inside to its end, within 30 seconds.</summary>
    /// <exception cref="TimeoutException">It takes longer; it has been ended.</exception>
    public CommandResult Execute(string file, params string[] arguments) => Execute(RunningCommand.UsualLimit, file, arguments);

    /// <summary>As <see cref="Execute(string, string[])"/>, within <paramref name="limit"/>.</summary>
    public virtual CommandResult Execute(TimeSpan limit, string file, params string[] arguments)
    {
        using var command = RunningCommand.Start(file, arguments, network: Network);
        return command.WaitForEnd(limit);
    }

    /// <summary>Starts a command inside; it is killed at the latest when the node is disposed.</summary>
    public RunningCommand Start(string file, params string[] arguments)
    {
        var command = RunningCommand.Start(file, arguments, network: Network);
        lock (_lock)
        {
            _running.Add(command);
        }
        return command;
    }

    /// <summary>Adds an IPv4 address to an interface.</summary>
    /// <param name="address">Such as 10.0.0.1/24.</param>
    public void AddAddress(string interfaceName, Ipv4Prefix address) => Links.AddAddress(interfaceName, address.Address, address.Length);

    /// <summary>Takes an interface up, without an IPv6 address that the kernel would talk of.</summary>
    public void BringUp(string interfaceName)
    {
        Links.SetNoIpv6Address(interfaceName);
        Links.SetUp(interfaceName);
    }

    /// <summary>Waits until an interface that was taken up lets packets out.</summary>
    /// <exception cref="PortException">It does not come up.</exception>
    public void AwaitUp(string interfaceName) => Links.AwaitUp(interfaceName);

    public virtual void Dispose()
    {
        lock (_lock)
        {
            _running.ForEach(command => command.Dispose());
            _running.Clear();
        }
        Links.Dispose();
        Network.Dispose();
    }
}
