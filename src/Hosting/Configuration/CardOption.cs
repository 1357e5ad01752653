using Softswitch.NetFpga;

namespace Softswitch.Hosting.Configuration;

/// <summary>One <c>--netfpga</c>.</summary>
/// <param name="Spec">What card, and how.</param>
/// <param name="FirstInterface">Its interfaces are nf2cN for this N and the next three.</param>
/// <param name="Origin">Where it was given, for errors.</param>
internal sealed record CardOption(CardSpec Spec, int FirstInterface, string Origin);
