using Softswitch.Datapath.Queues;

namespace Softswitch.Hosting.Configuration;

/// <summary>One <c>--queue</c>.</summary>
/// <param name="Port">The OpenFlow number of one of the ports.</param>
/// <param name="Text">As written, for errors.</param>
/// <param name="Origin">Where it was given, for errors.</param>
internal sealed record QueueOption(ushort Port, QueueConfig Config, string Text, string Origin);
