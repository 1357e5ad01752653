using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>One connection's state, for people and metrics.</summary>
/// <param name="IsConnected">HELLOs were exchanged.</param>
/// <param name="DroppedPacketIns">Lost because the peer reads too slowly.</param>
public sealed record ConnectionStatus(string Name, bool IsPassive, bool IsConnected, ControllerRole Role, long DroppedPacketIns);
