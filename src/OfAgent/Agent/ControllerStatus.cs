using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>How far the way to a peer is.</summary>
internal enum ControllerState
{
    /// <summary>It is being reached, or has yet to say HELLO.</summary>
    Connecting,

    /// <summary>HELLOs were exchanged.</summary>
    Connected,

    /// <summary>It could not be reached, or left; it is tried again.</summary>
    Waiting,
}

/// <summary>A configured controller, connected or not, or a peer of a listener.</summary>
/// <param name="Name">The target; with a peer, where it listens and whence it came.</param>
/// <param name="IsPassive">Whether it is a listener's peer.</param>
/// <param name="Since">How long it has been in this state.</param>
/// <param name="LastError">Why the last attempt failed or the last connection ended; null if there was none since it was connected.</param>
/// <param name="NextAttempt">When it is tried again, while it waits.</param>
/// <param name="Latency">What its last echo took; null if it was asked for none yet.</param>
/// <param name="Requests">Messages it sent besides echoes, on this connection.</param>
/// <param name="DroppedPacketIns">Lost on this connection because it reads too slowly.</param>
internal sealed record ControllerStatus(
    string Name,
    bool IsPassive,
    ControllerState State,
    TimeSpan Since,
    ControllerRole Role = ControllerRole.Other,
    string? LastError = null,
    TimeSpan? NextAttempt = null,
    TimeSpan? Latency = null,
    long Requests = 0,
    long DroppedPacketIns = 0);

/// <summary>One connection's state, for people and metrics.</summary>
/// <param name="IsConnected">HELLOs were exchanged.</param>
/// <param name="DroppedPacketIns">Lost because the peer reads too slowly.</param>
public sealed record ConnectionStatus(string Name, bool IsPassive, bool IsConnected, ControllerRole Role, long DroppedPacketIns);
