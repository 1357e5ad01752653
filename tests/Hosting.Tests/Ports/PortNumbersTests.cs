using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Ports;
using Softswitch.Hosting.State;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Ports;

public sealed class PortNumbersTests
{
    private static readonly HashSet<ushort> None = [];

    [Fact]
    public void The_lowest_number_that_no_port_has_had_is_chosen()
    {
        PortNumbers sut = new(state: null);
        sut.Use(1, "eth0");
        sut.Use(2, "eth0");
        sut.GiveUp(1);
        Assert.Equal((ushort)3, sut.Choose("eth0", None));
        Assert.Equal((ushort)5, sut.Choose("eth0", new HashSet<ushort> { 3, 4 }));
    }

    [Fact]
    public void When_all_were_used_the_one_given_up_the_longest_ago_is_and_none_when_all_are_in_use()
    {
        PortNumbers sut = new(state: null);
        for (int number = 1; number <= PortNumber.Max; number++)
        {
            sut.Use((ushort)number, "eth0");
        }
        Assert.Null(sut.Choose("eth0", None));
        sut.Use(PortNumber.Local, "eth0");
        sut.GiveUp(PortNumber.Local); // never a choice
        sut.GiveUp(7);
        sut.GiveUp(3);
        Assert.Equal((ushort)7, sut.Choose("eth0", None));
        sut.Use(7, "eth0");
        Assert.Equal((ushort)3, sut.Choose("eth0", None));
        Assert.Null(sut.Choose("eth0", new HashSet<ushort> { 3 }));
    }

    [Fact]
    public void With_a_state_a_name_keeps_its_number_and_others_keep_off_it()
    {
        PortMemory memory = new();
        memory.Note("eth3", 1);
        using JournalQueue state = new(StateClock.ForThisMachine(new TestTime()), memory, limit: 1000);
        PortNumbers sut = new(state);
        Assert.Equal((ushort)2, sut.Choose("eth1", None));
        sut.Use(2, "eth1");
        Assert.Equal((ushort)1, sut.Choose("eth3", None));
        Assert.Equal((ushort)3, sut.Choose("eth3", new HashSet<ushort> { 1 })); // somebody asked for it
        sut.GiveUp(2);
        Assert.Equal((ushort)2, sut.Choose("eth1", None)); // no other was meant by it
        Assert.Equal((ushort)3, sut.Choose("eth2", None));
    }
}
