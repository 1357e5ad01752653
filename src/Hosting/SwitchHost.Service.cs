using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Agent;

namespace Softswitch.Hosting;

/// <content>The switch as its service manager sees it.</content>
public sealed partial class SwitchHost
{
    private long _controlTurns;

    /// <summary>
    /// A number for each worker and a last one for the control thread, each of which moves on within some 500 ms while its thread does its work or sleeps as it
    /// should. Takes no lock.
    /// </summary>
    internal long[] ReadProgress()
    {
        IReadOnlyList<Worker> workers = Control.Workers;
        long[] progress = new long[workers.Count + 1];
        for (int i = 0; i < workers.Count; i++)
        {
            progress[i] = Volatile.Read(ref workers[i].Counters.Passes);
        }
        progress[^1] = Volatile.Read(ref _controlTurns);
        return progress;
    }

    /// <summary>One line: <c>4 ports, 3 up; 1 of 2 controllers connected</c>. Takes the control lock for a moment.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal string DescribeForService()
    {
        using (EnterWithoutTable())
        {
            IReadOnlyList<PortDescription> ports = Control.Ports;
            ControllerStatus[] controllers = [.. _agent!.ReadControllers().Where(one => !one.IsPassive)];
            int up = ports.Count(port => (port.State & PortState.LinkDown) == 0 && (port.Config & PortConfig.PortDown) == 0);
            string text = $"{ports.Count} ports, {up} up";
            return controllers.Length == 0 ? text
                : $"{text}; {controllers.Count(one => one.State == ControllerState.Connected)} of {controllers.Length} controllers connected";
        }
    }
}
