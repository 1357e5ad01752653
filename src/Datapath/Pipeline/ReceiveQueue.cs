using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>A port queue that a worker receives from, with where it counts.</summary>
/// <param name="Counters">Address of the worker's <see cref="WorkerPortCounters"/> of that port.</param>
internal readonly record struct ReceiveQueue(SwitchPort SwitchPort, IPort Port, nint Counters);
