using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>A port queue that a worker receives from, with where it counts.</summary>
/// <param name="Backlog">Of its packets that wait, with the worker's account of what comes in there.</param>
/// <param name="IsAsked">Whether nothing tells of packets that come while the worker sleeps.</param>
internal readonly record struct ReceiveQueue(SwitchPort SwitchPort, IPort Port, Backlog Backlog, bool IsAsked);
