using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Agent;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Entering emergency mode deletes entries in slices, between which a controller may come back.</summary>
public sealed class ControllerLossDetectorTests
{
    [Fact]
    public void The_loss_of_a_controller_that_came_while_emergency_mode_was_entered_is_an_emergency_too()
    {
        TestTime time = new();
        using DatapathControl control = new(new DatapathOptions { FrameCount = 64, TimeProvider = time });
        ControllerLossDetector sut = new(control, new AgentOptions());
        using (control.Enter())
        {
            for (uint i = 0; i < 1000; i++)
            {
                FlowMatch match = new() { InPort = 1, DlVlan = FlowMatch.VlanNone, DlType = EtherType.Ipv4, NwProto = IpProtocol.Tcp, NwSrc = i };
                control.Apply(new FlowMod { Match = match, Actions = [FlowAction.Output(2)] });
            }
            control.Apply(new FlowMod { Match = FlowMatch.Any, Flags = FlowModFlags.Emergency });
            sut.Note(hasContact: true);
        }
        bool isBack = false;
        Thread back = new(() =>
        {
            using (control.EnterWithoutTable())
            {
                isBack = control.Flows.Emergency.InForce;
                sut.Note(hasContact: true);
            }
        });
        using (control.Enter())
        {
            back.Start();
            Eventually.True(() => back.ThreadState.HasFlag(ThreadState.WaitSleepJoin), "the other waits to get in");
            time.Advance(TimeSpan.FromMilliseconds(2));
            sut.Note(hasContact: false);
            Assert.True(isBack);
            Assert.False(control.Flows.Emergency.InForce);
            Assert.Equal("emergency mode left: its flow entries stay until the controller deletes them", sut.TakeNews());
            sut.Note(hasContact: false);
            Assert.True(control.Flows.Emergency.InForce);
        }
        Eventually.Ended(back);
    }
}
