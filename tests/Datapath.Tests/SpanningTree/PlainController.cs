using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>
/// A learning controller as most are: an address is where it was last seen, its flows stay until they are idle, and of ports and trees it
/// knows nothing.
/// </summary>
internal sealed class PlainController(TestSwitch sut)
{
    private const ushort IdleTimeoutSeconds = 60;

    private readonly Dictionary<ulong, ushort> _seen = [];

    /// <summary>Answers the packet-ins that the switch has sent.</summary>
    /// <returns>How many there were.</returns>
    public int AnswerAll()
    {
        var asked = sut.PacketIns.ToArray();
        sut.PacketIns.Clear();
        foreach ((_, ushort inPort, _, _, byte[] data) in asked)
        {
            MacAddress destination = new(data);
            MacAddress source = new(data.AsSpan(MacAddress.Size));
            _seen[source.Value] = inPort;
            if (!_seen.TryGetValue(destination.Value, out ushort port))
            {
                SendOut(inPort, [FlowAction.Output(PortNumber.Flood)], data);
                continue;
            }
            FlowMatch match = FlowMatch.Any with { InPort = inPort, DlSrc = source, DlDst = destination };
            match.Wildcards &= ~(FlowWildcards.InPort | FlowWildcards.DlSrc | FlowWildcards.DlDst);
            FlowAction[] actions = port == inPort ? [] : [FlowAction.Output(port)];
            FlowMod mod = TestSwitch.Flow(match);
            mod.IdleTimeoutSeconds = IdleTimeoutSeconds;
            mod.Actions = actions;
            Assert.Equal(ControlError.None, sut.Control.Apply(mod));
            SendOut(inPort, actions, data);
        }
        return asked.Length;
    }

    private void SendOut(ushort inPort, FlowAction[] actions, byte[] data) =>
        Assert.Equal(ControlError.None, sut.Control.PacketOut(FlowMod.NoBuffer, inPort, actions, data));
}
