using Softswitch.Ports;

namespace Softswitch.Hosting.Configuration;

/// <summary>One <c>--port</c> with the OpenFlow port number it got.</summary>
/// <param name="Number">1 to 0xff00, or OFPP_LOCAL.</param>
/// <param name="Spec">What is to stand behind it.</param>
/// <param name="Origin">Where it was given, for errors.</param>
public sealed record PortOption(ushort Number, PortSpec Spec, string Origin);
