using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Memory;
using Xunit;

namespace Softswitch.Testing.Offload;

/// <summary>What every <see cref="IFlowOffload"/> has to keep: nobody outside can tell that there is hardware.</summary>
/// <remarks>For another card: derive, and make its hardware, or an emulation of it, in <see cref="Create"/>.</remarks>
public abstract class FlowOffloadContract
{
    private static readonly byte[] Frame = TestPacket.Ethernet(0x88b5, new byte[46]);

    /// <summary>Hardware that holds at least one flow of each kind of <see cref="Simple"/>, set so that it may differ from the software in nothing.</summary>
    private protected abstract IOffloadHardware Create(TestTime time);

    /// <summary>Whether the hardware takes a frame for what it is; where it is known and documented not to, it cannot be asked to treat it right.</summary>
    protected virtual bool IsUnderstood(byte[] frame) => true;

    [Fact]
    public void Random_tables_forward_as_in_software_whatever_changes_in_between() => ForwardByRandomTables(tables: 8, framesPerStep: 4);

    /// <param name="framesPerStep">Sent between two changes of a table, of which there are 120.</param>
    private protected void ForwardByRandomTables(int tables, int framesPerStep)
    {
        RandomMatches random = new(7101);
        int kept = 0;
        for (int round = 0; round < tables; round++)
        {
            using SwitchPair sut = new(Create);
            for (int step = 0; step < 120; step++)
            {
                Change(sut, random);
                for (int i = 0; i < framesPerStep; i++)
                {
                    ushort port = (ushort)random.Random.Next(1, SwitchPair.PortCount + 1);
                    byte[] frame = random.NextFrame();
                    if (IsUnderstood(frame))
                    {
                        sut.Send(port, frame);
                    }
                }
            }
            sut.CompareCounters();
            kept += sut.KeptInHardware;
        }
        Assert.True(kept > 0, "the hardware forwards something itself");
    }

    [Fact]
    public void Hardware_forwards_by_itself_what_it_can()
    {
        using SwitchPair sut = new(Create);
        sut.Add(Simple(1), 10, FlowAction.Output(2));
        sut.Send(1, Frame);
        Assert.Equal(1, sut.KeptInHardware);
    }

    [Fact]
    public void Every_change_is_in_force_when_its_call_returns()
    {
        using SwitchPair sut = new(Create);
        sut.Add(Simple(1), 10, FlowAction.Output(2));
        sut.Send(1, Frame);
        sut.Apply(new FlowMod { Command = FlowModCommand.ModifyStrict, Match = Simple(1), Priority = 10, Actions = [FlowAction.Output(3)] });
        sut.Send(1, Frame);
        sut.Add(Simple(1), 10, FlowAction.Output(4));
        sut.Send(1, Frame);
        sut.Add(FlowMatch.Any, 20, FlowAction.Output(PortNumber.Controller, 128));
        sut.Send(1, Frame);
        sut.Apply(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = FlowMatch.Any, Priority = 20 });
        sut.Send(1, Frame);
        sut.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any });
        sut.Send(1, Frame);
        Assert.Equal(4, sut.KeptInHardware);
    }

    [Fact]
    public void A_flow_counts_in_hardware_and_in_software_as_one()
    {
        using SwitchPair sut = new(Create);
        sut.Add(Simple(1), 10, FlowAction.Output(2));
        for (int i = 0; i < 5; i++)
        {
            sut.Send(1, Frame);
            sut.CompareCounters();
            sut.Both(control => control.Pipeline.FragmentHandling = i % 2 == 0 ? FragmentHandling.Drop : FragmentHandling.Normal);
        }
        Assert.InRange(sut.KeptInHardware, 1, 4);
    }

    [Fact]
    public void A_replaced_flow_counts_from_zero_and_a_modified_one_goes_on()
    {
        using SwitchPair sut = new(Create);
        sut.Add(Simple(1), 10, FlowAction.Output(2));
        sut.Send(1, Frame);
        sut.Apply(new FlowMod { Command = FlowModCommand.Modify, Match = Simple(1), Actions = [FlowAction.Output(3)] });
        sut.Send(1, Frame);
        sut.CompareCounters();
        sut.Add(Simple(1), 10, FlowAction.Output(2));
        sut.CompareCounters();
        sut.Send(1, Frame);
        sut.CompareCounters();
    }

    [Fact]
    public void Flow_removed_tells_the_final_counts()
    {
        using SwitchPair sut = new(Create);
        sut.Add(Simple(1), 10, FlowAction.Output(2));
        sut.Add(Simple(2), 10, FlowAction.Output(3));
        for (int i = 0; i < 7; i++)
        {
            sut.Send(1, Frame);
            sut.Send(2, Frame);
        }
        sut.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any });
        sut.Both(control => control.Barriers.Finish());
        Assert.Equal(2, sut.RemovedOfOffloaded.Count);
        Assert.Equal(sut.RemovedOfPlain, sut.RemovedOfOffloaded);
        Assert.All(sut.RemovedOfOffloaded, removed => Assert.Equal(7UL, removed.PacketCount));
    }

    [Fact]
    public void A_flow_that_hardware_uses_does_not_idle_out_and_one_that_nothing_uses_does()
    {
        using SwitchPair sut = new(Create);
        sut.Apply(new FlowMod { Match = Simple(1), IdleTimeoutSeconds = 10, Actions = [FlowAction.Output(2)] });
        sut.Apply(new FlowMod { Match = Simple(2), IdleTimeoutSeconds = 10, Actions = [FlowAction.Output(2)] });
        for (int second = 0; second < 30; second++)
        {
            sut.Send(1, Frame);
            sut.Time.Advance(TimeSpan.FromSeconds(1));
            sut.Settle();
        }
        Assert.Equal(1u, sut.Offloaded.Flows.Aggregate(new FlowFilter(FlowMatch.Any)).FlowCount);
        for (int second = 0; second < 30; second++)
        {
            sut.Time.Advance(TimeSpan.FromSeconds(1));
            sut.Settle();
        }
        Assert.Equal(0u, sut.Offloaded.Flows.Aggregate(new FlowFilter(FlowMatch.Any)).FlowCount);
        Assert.True(sut.KeptInHardware >= 30);
    }

    [Fact]
    public void What_packets_must_meet_before_the_table_keeps_hardware_out()
    {
        using SwitchPair sut = new(Create);
        sut.Add(Simple(1), 10, FlowAction.Output(2));
        sut.Both(control => control.Pipeline.FragmentHandling = FragmentHandling.Drop);
        sut.Send(1, Frame);
        Assert.Equal(0, sut.KeptInHardware);
        sut.Both(control => control.Pipeline.FragmentHandling = FragmentHandling.Normal);
        sut.Send(1, Frame);
        Assert.Equal(1, sut.KeptInHardware);
    }

    [Fact]
    public void Port_configuration_reaches_hardware()
    {
        using SwitchPair sut = new(Create);
        sut.Add(Simple(1), 10, FlowAction.Output(PortNumber.Flood));
        sut.Add(Simple(2), 10, FlowAction.Output(3), FlowAction.Output(4));
        foreach (PortConfig config in new[] { PortConfig.NoFlood, PortConfig.NoForward, PortConfig.NoReceive, PortConfig.None, PortConfig.PortDown, PortConfig.None })
        {
            sut.Configure(3, config);
            sut.Send(1, Frame);
            sut.Send(2, Frame);
            sut.Configure(1, config);
            sut.Send(1, Frame);
            sut.Send(2, Frame);
        }
        sut.CompareCounters();
    }

    [Fact]
    public void Flows_that_were_there_before_the_hardware_are_taken_over()
    {
        TestTime time = new();
        using IOffloadHardware hardware = Create(time);
        using DatapathControl control = new(new DatapathOptions { FrameCount = 256, TimeProvider = time });
        foreach (ushort number in SwitchPair.HardwarePorts)
        {
            control.Ports.Add(number, new MemoryPort($"p{number}", control.Frames));
        }
        Assert.Equal(ControlError.None, control.Apply(new FlowMod { Match = Simple(1), Actions = [FlowAction.Output(2)] }));
        control.Flows.Offloads.Attach(hardware.Offload);
        List<ushort> left = [];
        hardware.Receive(1, Frame, (port, _) => left.Add(port), (_, _) => Assert.Fail("the hardware did not know the flow"));
        Assert.Equal([2], left);
    }

    [Fact]
    public void Hardware_that_is_given_back_forwards_nothing_by_itself()
    {
        IOffloadHardware? hardware = null;
        using SwitchPair sut = new(time => hardware = Create(time));
        sut.Add(Simple(1), 10, FlowAction.Output(2));
        hardware!.Offload.Dispose();
        List<ushort> toHost = [];
        hardware.Receive(1, Frame, (port, _) => Assert.Fail($"left by port {port}"), (port, _) => toHost.Add(port));
        Assert.Equal([1], toHost);
    }

    [Fact]
    public void What_the_software_sends_leaves_by_its_port_whatever_the_flows_say()
    {
        using SwitchPair sut = new(Create);
        sut.Add(FlowMatch.Any, 10, FlowAction.Output(2));
        sut.PacketOut(PortNumber.None, [FlowAction.Output(3)], Frame);
        sut.PacketOut(1, [FlowAction.Output(PortNumber.All)], Frame);
        sut.PacketOut(1, [FlowAction.Output(PortNumber.InPort)], Frame);
    }

    /// <summary>Everything from a port: what any hardware can hold.</summary>
    protected static FlowMatch Simple(ushort inPort) => FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = inPort };

    private static void Change(SwitchPair sut, RandomMatches random)
    {
        switch (random.Random.Next(12))
        {
            case 0:
                sut.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = random.NextMatch() });
                break;
            case 1 or 2:
                sut.Apply(new FlowMod
                {
                    Command = random.Random.Next(2) == 0 ? FlowModCommand.Modify : FlowModCommand.ModifyStrict,
                    Match = random.NextMatch(),
                    Priority = (ushort)random.Random.Next(4),
                    Actions = RandomActions(random.Random),
                });
                break;
            case 3:
                PortConfig[] choices = [PortConfig.None, PortConfig.None, PortConfig.NoFlood, PortConfig.NoForward, PortConfig.NoReceive, PortConfig.NoPacketIn];
                sut.Configure((ushort)random.Random.Next(1, SwitchPair.PortCount + 1), choices[random.Random.Next(choices.Length)]);
                break;
            default:
                sut.Add(random.NextMatch(), (ushort)random.Random.Next(4), RandomActions(random.Random));
                break;
        }
    }

    private static FlowAction[] RandomActions(Random random)
    {
        List<FlowAction> actions = [];
        for (int count = random.Next(4); count > 0; count--)
        {
            actions.Add(random.Next(16) switch
            {
                0 => FlowAction.SetDlDst(new(0x0200_0000_0000UL + (uint)random.Next(16))),
                1 => FlowAction.SetDlSrc(new(0x0200_0000_0000UL + (uint)random.Next(16))),
                2 => FlowAction.SetVlanVid((ushort)random.Next(1, 4)),
                3 => FlowAction.SetVlanPcp((byte)random.Next(8)),
                4 => FlowAction.StripVlan(),
                5 => FlowAction.SetNwTos((byte)(random.Next(64) << 2)),
                6 => FlowAction.SetNwDst((uint)random.Next()),
                7 => FlowAction.SetTpSrc((ushort)random.Next(1, 60000)),
                8 => FlowAction.Output(PortNumber.Controller, 128),
                9 => FlowAction.Output(PortNumber.All),
                10 => FlowAction.Output(PortNumber.Flood),
                11 => FlowAction.Output(PortNumber.InPort),
                _ => FlowAction.Output((ushort)random.Next(1, SwitchPair.PortCount + 1)),
            });
        }
        return [.. actions];
    }
}
