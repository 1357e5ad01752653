using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Configuration;

/// <summary>The number for a port that is given without one.</summary>
/// <param name="taken">Numbers of others.</param>
/// <returns>Null for the lowest free one.</returns>
internal delegate ushort? PortNumbering(PortSpec spec, IReadOnlyCollection<ushort> taken);

/// <summary>Reads the configuration of a process: at start, and again for each reload.</summary>
/// <param name="numbering">Numbers for ports of the switch of a name, the empty one for the switch that needs none; null at start.</param>
/// <exception cref="OptionException">It cannot be read, or a line for each setting that is wrong.</exception>
internal delegate SwitchGroupOptions ConfigurationSource(Func<string, PortNumbering?>? numbering);
