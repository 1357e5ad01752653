using Softswitch.Datapath.Ports;
using Softswitch.Hosting.State;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports;

namespace Softswitch.Hosting;

/// <content>Ports that change processes.</content>
internal sealed partial class SwitchPorts
{
    private TakeOverTaker? _taker;

    /// <summary>All that are open, for another process to go on with.</summary>
    public List<OfferedPort> Offer()
    {
        lock (_lock)
        {
            using (_control.EnterWithoutTable())
            {
                return [.. InOrder().Where(port => port.Device != null).Select(port => OfferedPort.Of(port.Number, port.Option.Spec, port.Device!))];
            }
        }
    }

    /// <summary>Writes down what ports there are, and those that come.</summary>
    public void Remember(JournalQueue state)
    {
        lock (_lock)
        {
            _numbers.Remember(state);
            _ports.ForEach(port => state.NotePort(StateFolder.NameOf(port.Option.Spec), port.Number));
        }
    }

    /// <summary>The device of the switch that is taken over; null where this one has to open it.</summary>
    private IPortDevice? Take(ushort number, PortSpec spec, Func<DeviceOffer, IPortDevice> make) => _taker?.TakePort(number, spec, make);
}
