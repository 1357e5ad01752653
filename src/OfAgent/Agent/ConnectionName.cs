using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <summary>What the log calls a connection.</summary>
/// <param name="Target">The controller, or the listener it came by.</param>
/// <param name="Peer">Who came; null for a controller. A log tells floods by the listener alone: strangers are many.</param>
internal readonly record struct ConnectionName(ConnectionTarget Target, string? Peer = null)
{
    public override string ToString() => Peer is null ? $"{Target}" : $"{Target} from {Peer}";
}
