using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;

namespace Softswitch.Hosting.Ports;

/// <summary>Tells the log which links come and go. Threads: one.</summary>
/// <param name="ports">As they are at first.</param>
internal sealed class LinkChangeLog(ILogger log, IReadOnlyList<PortDescription> ports)
{
    private readonly Dictionary<ushort, bool> _isUp = ports.ToDictionary(port => port.Number, IsUp);

    /// <summary>After each port-status.</summary>
    public void Note(PortStatusReason reason, PortDescription port)
    {
        if (reason == PortStatusReason.Modify && _isUp.TryGetValue(port.Number, out bool wasUp) && wasUp != IsUp(port))
        {
            HostLog.Link(log, QueueOptionsReader.NameOf(port.Number), port.Name, wasUp ? "down" : "up");
        }
        _isUp[port.Number] = IsUp(port);
    }

    private static bool IsUp(PortDescription port) => (port.State & PortState.LinkDown) == 0;
}
