using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Offload;

/// <summary>What decides how hardware may treat a port.</summary>
/// <param name="Number">The switch's number of the port.</param>
/// <param name="Config">As set by controllers.</param>
/// <param name="IsScheduled">It has queues or a rate of its own: what leaves by it must pass the software's scheduler.</param>
internal readonly record struct OffloadPort(ushort Number, PortConfig Config, bool IsScheduled);
