using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Reports;
using Softswitch.OfAgent.Agent;

namespace Softswitch.Hosting;

/// <content>The switch as its service manager sees it.</content>
public sealed partial class SwitchHost
{
    private long _controlTurns;

    /// <summary>
    /// The switch's threads, and a number for each that moves on within some 500 ms while the thread does its work or sleeps as it should. Takes no lock.
    /// </summary>
    internal IEnumerable<(string Thread, long Turns)> ReadProgress() =>
        Control.Workers.Select(worker => ($"worker {worker.Id}", Volatile.Read(ref worker.Counters.Passes))).Append(("the control thread", Volatile.Read(ref _controlTurns)));

    private static bool IsUp(PortDescription port) => (port.State & PortState.LinkDown) == 0 && (port.Config & PortConfig.PortDown) == 0;

    /// <summary>One line: <c>4 ports, 3 up; 1 of 2 controllers connected</c>. Takes the control lock for a moment.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal string DescribeForService()
    {
        using (EnterWithoutTable())
        {
            IReadOnlyList<PortDescription> ports = Control.Ports.Descriptions;
            ControllerStatus[] controllers = [.. _agent!.ReadControllers().Where(one => !one.IsPassive)];
            int up = ports.Count(IsUp);
            string text = $"{Quantity.Of(ports.Count, "port")}, {up} up";
            return controllers.Length == 0 ? text
                : $"{text}; {controllers.Count(one => one.State == ControllerState.Connected)} of "
                    + $"{Quantity.Of(controllers.Length, "controller")} connected";
        }
    }
}
