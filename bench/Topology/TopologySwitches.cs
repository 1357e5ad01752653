using System.Globalization;
using Softswitch.Lab.Linux;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Topology;

/// <summary>All switches of a topology, in one process; ended with it.</summary>
/// <remarks>Threads: one.</remarks>
internal abstract class TopologySwitches : IDisposable
{
    /// <summary>Of the switches and of what they need to run.</summary>
    protected abstract IEnumerable<int> Processes { get; }

    /// <summary>As packets' and ports' owners are told of them: from 1.</summary>
    protected static string NameOf(int place) => $"s{(place + 1).ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Its ports: what each leads to, as the cable or host it is an end of.</summary>
    protected static IEnumerable<(ushort Number, int? Host, int Cable, bool IsFar)> PortsOf(TopologyShape shape, int place)
    {
        for (int i = 0; i < shape.Hosts.Count; i++)
        {
            if (shape.Hosts[i].Switch == place)
            {
                yield return (shape.Hosts[i].Port, i, 0, false);
            }
        }
        for (int i = 0; i < shape.Cables.Count; i++)
        {
            TopologyCable cable = shape.Cables[i];
            if (cable.Near == place)
            {
                yield return (cable.NearPort, null, i, false);
            }
            if (cable.Far == place)
            {
                yield return (cable.FarPort, null, i, true);
            }
        }
    }

    /// <summary>Starts the program, whose configuration is in place. Returns when it runs, not when it is ready.</summary>
    public abstract void Start();

    /// <summary>What it complained of, if it has ended; null while it runs.</summary>
    public abstract string? FindFailure();

    /// <summary>Memory in RAM, in MiB.</summary>
    public double ReadResidentMiB() => Processes.Sum(Machine.ResidentBytesOf) / (1024.0 * 1024);

    /// <summary>Watches what others have of the machine from now on.</summary>
    public MachineWatch Watch() => new([.. Processes]);

    /// <summary>Processor time since the start.</summary>
    public TimeSpan ReadCpuTime() => TimeSpan.FromMicroseconds(Processes.Sum(ProcessSchedule.Nanoseconds) / 1e3);

    public abstract void Dispose();
}
