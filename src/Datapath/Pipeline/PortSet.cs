using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>The ports at one moment; never changed, replaced as a whole when one is added or removed.</summary>
internal sealed class PortSet
{
    /// <param name="ports">In ascending order of number.</param>
    public PortSet(SwitchPort[] ports)
    {
        Ports = ports;
        Numbers = Array.ConvertAll(ports, port => port.Number);
        foreach (SwitchPort port in ports)
        {
            if (port.Number != PortNumber.Local)
            {
                HighestNumber = Math.Max(HighestNumber, port.Number);
            }
        }
    }

    public static PortSet Empty { get; } = new([]);

    public SwitchPort[] Ports { get; }

    public ushort[] Numbers { get; }

    /// <summary>Highest number of a physical port; 0 without one.</summary>
    public int HighestNumber { get; }

    public SwitchPort? Find(ushort number)
    {
        foreach (SwitchPort port in Ports)
        {
            if (port.Number == number)
            {
                return port;
            }
        }
        return null;
    }
}
