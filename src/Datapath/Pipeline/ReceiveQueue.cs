using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>A port queue that a worker receives from, with where it counts.</summary>
/// <param name="Ingress">Address of the worker's <see cref="Packets.PacketAccount"/> of what comes in there.</param>
/// <param name="IsAsked">Whether nothing tells of packets that come while the worker sleeps.</param>
internal readonly record struct ReceiveQueue(SwitchPort SwitchPort, IPort Port, nint Ingress, bool IsAsked);
