using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Testing;
using Softswitch.Testing.Offload;

namespace Softswitch.Ports.Tests.KernelOffload;

/// <summary>Nobody outside can tell that the kernel forwards: real packets through veths against the software alone.</summary>
[Trait("Ring", "peers")]
public sealed class KernelOffloadContractTests : FlowOffloadContract
{
    private protected override IOffloadHardware Create(TestTime time)
    {
        Needs.Namespaces();
        return new VethCard();
    }

    [Fact, Trait("Ring", "all")]
    public void A_hundred_tables_do_by_eight_thousand_packets_each() => ForwardByRandomTables(tables: 100, framesPerStep: 67);

    [Fact]
    public void What_outranks_an_entry_without_room_stays_in_the_kernel_and_the_others_wait_for_room()
    {
        using SwitchPair sut = new(Create);
        for (int bits = 0; bits < 20; bits++) // as many masks; the last four of 20 have no room
        {
            FlowMatch match = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.DlType, DlType = EtherType.Ipv4, NwDst = 0x0a000002 };
            match.SetNwWildBits(32, bits);
            sut.Add(match, (ushort)(bits < 16 ? 100 + bits : 50 + bits), FlowAction.Output(2));
        }
        sut.Add(Simple(1), 60, FlowAction.Output(3)); // below those that have no room, and without room itself
        byte[] found = TestPacket.Udp(dst: 0x0a000002);
        byte[] other = TestPacket.Ethernet(0x88b5, new byte[46]);
        sut.Send(1, found);
        Assert.Equal(1, sut.KeptInHardware);
        sut.Send(1, other);
        Assert.Equal(1, sut.KeptInHardware);
        sut.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.DlType, DlType = EtherType.Ipv4 } });
        sut.Settle();
        sut.Send(1, other);
        Assert.Equal(2, sut.KeptInHardware);
        sut.CompareCounters();
    }

    [Fact]
    public void A_lower_entry_of_the_same_match_takes_over_when_the_higher_one_goes()
    {
        using SwitchPair sut = new(Create);
        byte[] frame = TestPacket.Ethernet(0x88b5, new byte[46]);
        sut.Add(Simple(1), 10, FlowAction.Output(2));
        sut.Add(Simple(1), 30, FlowAction.Output(3));
        sut.Add(Simple(1), 20, FlowAction.Output(4));
        sut.Add(FlowMatch.Any, 5, FlowAction.Output(2));
        for (ushort priority = 30; priority > 0; priority -= 10)
        {
            sut.Send(1, frame);
            sut.Apply(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = Simple(1), Priority = priority });
        }
        sut.Send(1, frame);
        Assert.Equal(4, sut.KeptInHardware);
        sut.CompareCounters();
    }
}
