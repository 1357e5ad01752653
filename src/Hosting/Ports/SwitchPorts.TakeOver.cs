using Softswitch.Datapath.Ports;
using Softswitch.Hosting.State;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Ports;

/// <content>Ports that change processes.</content>
internal sealed partial class SwitchPorts
{
    private HandoverTarget? _source;

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

    /// <summary>Goes on with the device of the switch that is taken over, where it has one for the port; else opens it.</summary>
    private IPortDevice OpenOrTake(ushort number, PortSpec spec, out ushort? beside)
    {
        DeviceOffer? offer = _source?.TakePort(number, spec);
        IPortDevice device = _underlays.Open(number, spec, _control.Frames, out beside, offer);
        if (offer != null)
        {
            _source!.NoteDevice(number, device);
        }
        return device;
    }
}
