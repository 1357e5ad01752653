using Microsoft.Extensions.Logging;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.TakeOver;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports;
using Softswitch.Ports.Linux.Files;

namespace Softswitch.Hosting.Processes;

/// <summary>The control socket of a process, under a name or a path, and the links under the names of its switches that lead to it.</summary>
/// <remarks>Threads: any.</remarks>
internal sealed class ProcessSocket : IDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<string> _links = [];

    private readonly ILogger _log;

    private ProcessSocket(ManagementSocket listener, string? name, ILogger log) => (Listener, Name, _log) = (listener, name, log);

    public ManagementSocket Listener { get; }

    /// <summary>What it is found by; null where only its path was asked for.</summary>
    public string? Name { get; }

    /// <summary>Opens it; nobody is served before <see cref="Serve"/>.</summary>
    /// <param name="target">Where it was asked for; null: it goes with the name.</param>
    /// <param name="name">The name that was asked for; null for none.</param>
    /// <param name="nameByDefault">The name without one, with a number behind it if another has that already; null for no socket.</param>
    /// <param name="taker">Whose listening it may go on with; null for nobody's.</param>
    /// <param name="say">Takes a line for one that was asked for.</param>
    /// <param name="onTaken">Tells the log by which name it is found instead of the one by default.</param>
    /// <returns>Null where there is to be none, or where none can be had and none was asked for, which the log says.</returns>
    /// <exception cref="OptionException">One was asked for and cannot be had.</exception>
    public static ProcessSocket? Open(
        ConnectionTarget? target, string? name, string? nameByDefault, HandoverTarget? taker, Action<string> say, ILogger log,
        Action<ILogger, string> onTaken)
    {
        if (target != null)
        {
            ProcessSocket open = new(Listen(target.Host, $"--control: {target}", taker), null, log);
            say($"control: {target}");
            return open;
        }
        if (name != null)
        {
            return OpenInFolder(name, isFree: null, $"--name: {name}", taker, log);
        }
        if (nameByDefault == null)
        {
            return null;
        }
        try
        {
            ProcessSocket open = OpenInFolder(nameByDefault, path => taker?.ControlPath == path || !UnixSocketFile.IsListening(path), nameByDefault, taker, log);
            if (open.Name != nameByDefault)
            {
                onTaken(log, open.Name!);
            }
            return open;
        }
        catch (OptionException e)
        {
            HostLog.NoControlSocket(log, e.Message);
            return null;
        }
    }

    /// <summary>What a taker asks for the listening by.</summary>
    public static string LabelOf(string path) => $"control {path}";

    /// <summary>Begins to serve.</summary>
    /// <param name="make">As for <see cref="ManagementSocket.Serve"/>.</param>
    public void Serve(Func<IConnectionServer> make) => Listener.Serve(make, _log);

    /// <summary>Has a switch of the process be found by its name.</summary>
    /// <exception cref="OptionException">The name is another's, or the link cannot be made.</exception>
    public void Link(string name)
    {
        try
        {
            string folder = ControlSockets.MakeFolder();
            string path = ControlSockets.PathOf(folder, name);
            using ExclusiveLock alone = ExclusiveLock.Take(folder, name);
            if (UnixSocketFile.IsListening(path))
            {
                throw new IOException("a switch or process of that name runs already");
            }
            UnixSocketFile.Remove(path); // a link into nowhere
            File.CreateSymbolicLink(path, System.IO.Path.GetFullPath(Listener.Path));
            lock (_lock)
            {
                _links.Add(path);
            }
        }
        catch (Exception e) when (e is IOException or PortException or UnauthorizedAccessException)
        {
            throw new OptionException($"--name: {name}: {e.Message}", e);
        }
    }

    /// <summary>Undoes <see cref="Link"/>.</summary>
    public void Unlink(string name)
    {
        lock (_lock)
        {
            if (ControlSockets.Folder is { } folder && _links.Remove(ControlSockets.PathOf(folder, name)))
            {
                UnixSocketFile.Remove(ControlSockets.PathOf(folder, name));
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (string link in _links)
            {
                UnixSocketFile.Remove(link);
            }
            _links.Clear();
        }
        Listener.Dispose();
    }

    /// <param name="isFree">Whether the path may be used; null if it has to be.</param>
    private static ProcessSocket OpenInFolder(string name, Predicate<string>? isFree, string what, HandoverTarget? taker, ILogger log)
    {
        try
        {
            string folder = ControlSockets.MakeFolder();
            // From the look whether somebody listens until we do: a socket that is bound and not listened at yet looks like one that was left behind.
            using ExclusiveLock alone = ExclusiveLock.Take(folder, what);
            string free = name;
            for (int number = 2; isFree?.Invoke(ControlSockets.PathOf(folder, free)) == false; number++)
            {
                free = $"{name}-{number}";
            }
            string path = ControlSockets.PathOf(folder, free);
            if (ControlSockets.SwitchAt(path) != null && !UnixSocketFile.IsListening(path))
            {
                UnixSocketFile.Remove(path); // the link of a process that is gone
            }
            ProcessSocket open = new(Listen(path, what, taker), free, log);
            ControlSockets.LinksTo(folder, path).ForEach(UnixSocketFile.Remove); // of one of this name that was killed, with other switches
            return open;
        }
        catch (Exception e) when (e is IOException or PortException or UnauthorizedAccessException)
        {
            throw new OptionException($"{what}: {e.Message}", e);
        }
    }

    private static ManagementSocket Listen(string path, string what, HandoverTarget? taker)
    {
        try
        {
            return ManagementSocket.Open(path, taker?.TakeListener(LabelOf(path)));
        }
        catch (IOException e)
        {
            throw new OptionException($"{what}: {e.Message}", e);
        }
    }
}
