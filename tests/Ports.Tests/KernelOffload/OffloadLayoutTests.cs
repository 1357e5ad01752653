using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.KernelOffload;

namespace Softswitch.Ports.Tests.KernelOffload;

/// <summary>What the program reads and writes by offsets is where the switch has it.</summary>
public sealed class OffloadLayoutTests
{
    [Fact]
    public void Structs_are_as_long_as_the_program_takes_them_for()
    {
        Assert.Equal(OffloadLayout.Line, Unsafe.SizeOf<ProcessorLine>());
        Assert.Equal(OffloadLayout.Line, Unsafe.SizeOf<HeadLine>());
        Assert.Equal(OffloadLayout.Line, Unsafe.SizeOf<MaskTableHead>());
        Assert.Equal(OffloadLayout.Line, Unsafe.SizeOf<MaskLine>());
        Assert.Equal(OffloadLayout.Line, Unsafe.SizeOf<EntryCounts>());
        Assert.Equal(PortLine.Size, Unsafe.SizeOf<PortLine>());
        Assert.Equal(PortCounts.Size, Unsafe.SizeOf<PortCounts>());
        Assert.Equal(LookupKey.Size, Unsafe.SizeOf<LookupKey>());
        Assert.Equal(LookupValue.Size, Unsafe.SizeOf<LookupValue>());
        Assert.Equal(OffloadLayout.RecordBytes, Unsafe.SizeOf<OffloadRecord>());
        Assert.True(OffloadLayout.Line * (1 + OffloadLayout.MostMasks) <= OffloadLayout.MaskTableBytes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(256)]
    public void Parts_of_the_state_follow_each_other_in_whole_lines(int processors)
    {
        OffloadLayout sut = new(processors);
        int[] places = [sut.Head, sut.MaskTables, sut.Ports, sut.Counts, sut.StateBytes];
        Assert.Equal(places.Order(), places);
        Assert.All(places, place => Assert.Equal(0, place % OffloadLayout.Line));
        Assert.Equal(sut.Ports, sut.MaskTables + (2 * OffloadLayout.MaskTableBytes));
        Assert.Equal(sut.StateBytes, sut.Counts + (OffloadLayout.MostPorts * processors * PortCounts.Size));
    }

    [Fact]
    public void An_address_stands_in_an_action_as_in_a_packet()
    {
        ulong word = OffloadRecord.Action(OffloadAction.SetDlDst, new MacAddress(0x0102_0304_0506));
        Assert.Equal([(byte)OffloadAction.SetDlDst, 0, 1, 2, 3, 4, 5, 6], BitConverter.GetBytes(word));
    }

    [Fact]
    public void Ranks_of_a_priority_are_below_its_highest_and_above_that_of_the_next()
    {
        Assert.True(OffloadFlow.HighestOf(7) - 1 > OffloadFlow.HighestOf(6));
        Assert.Equal(ulong.MaxValue, OffloadFlow.HighestOf(ushort.MaxValue));
        Assert.Equal(FlowKey.Size, LookupKey.MaskOffset);
    }
}
