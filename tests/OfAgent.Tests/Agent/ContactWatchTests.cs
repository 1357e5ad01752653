using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Agent;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Entering emergency mode deletes entries in slices, between which a controller may come back.</summary>
public sealed class ContactWatchTests
{
    private const int Entries = 300_000;

    [Fact]
    public void The_loss_of_a_controller_that_came_while_emergency_mode_was_entered_is_an_emergency_too()
    {
        using DatapathControl control = new(new DatapathOptions { MaxExactEntries = Entries, FrameCount = 64 });
        ContactWatch sut = new(control, new AgentOptions());
        using (control.Enter())
        {
            for (uint i = 0; i < Entries; i++)
            {
                FlowMatch match = new() { InPort = 1, DlVlan = FlowMatch.VlanNone, DlType = EtherType.Ipv4, NwProto = IpProtocol.Tcp, NwSrc = i };
                control.Apply(new FlowMod { Match = match, Actions = [FlowAction.Output(2)] });
            }
            control.Apply(new FlowMod { Match = FlowMatch.Any, Flags = FlowModFlags.Emergency });
            sut.Note(hasContact: true);
        }
        Thread back = new(() => ComeBack(control, sut));
        back.Start();
        using (control.Enter())
        {
            sut.Note(hasContact: false);
            Assert.False(control.InEmergency); // the other is in
            Assert.Equal("emergency mode left: its flow entries stay until the controller deletes them", sut.TakeNews());
            sut.Note(hasContact: false);
            Assert.True(control.InEmergency);
        }
        back.Join();
    }

    private static void ComeBack(DatapathControl control, ContactWatch watch)
    {
        for (bool isBack = false; !isBack;)
        {
            using (control.EnterWithoutTable())
            {
                isBack = control.InEmergency;
                if (isBack)
                {
                    watch.Note(hasContact: true);
                }
            }
        }
    }
}
