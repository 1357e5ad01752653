using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <summary>What the log calls a connection.</summary>
/// <param name="Target">The controller, or the listener it came by.</param>
/// <param name="Peer">The peer that connected; null for a controller. A log counts a flood of many peers by their listener.</param>
internal readonly record struct ConnectionName(ConnectionTarget Target, string? Peer = null)
{
    public override string ToString() => Peer is null ? $"{Target}" : $"{Target} from {Peer}";
}
