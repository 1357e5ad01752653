namespace Softswitch.Configuration;

/// <summary>One <c>--port</c>: the OpenFlow port number and what is to stand behind it.</summary>
/// <param name="Number">1 to 0xff00, or OFPP_LOCAL.</param>
/// <param name="Spec">Without the number, such as <c>tap:vm0</c>.</param>
/// <param name="Origin">Where it was given, for errors.</param>
public sealed record PortOption(ushort Number, string Spec, string Origin);
