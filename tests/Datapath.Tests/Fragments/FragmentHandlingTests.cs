using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Fragments;

/// <summary>OFPC_FRAG_NORMAL, DROP and REASM through a whole datapath (OpenFlow 1.0.0 §5.3.2).</summary>
public sealed class FragmentHandlingTests
{
    private static readonly byte[] Whole = Ipv4Fragments.WriteChecksum(TestPacket.Udp(dstPort: 5000, payload: 4000));

    [Fact]
    public void Normal_looks_fragments_up_one_by_one_with_ports_0()
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Normal);
        sw.Send(1, [.. Ipv4Fragments.CutAll(Whole, 1480)]);
        Assert.Empty(sw.Received(2));
        Assert.Equal(Ipv4Fragments.CutAll(Whole, 1480), sw.Received(3));
    }

    [Fact]
    public void Drop_drops_and_counts_fragments_and_nothing_else()
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Drop);
        byte[] small = TestPacket.Udp(dstPort: 5000);
        List<byte[]> fragments = Ipv4Fragments.CutAll(Whole, 1480);
        sw.Send(1, fragments[0], small, fragments[1], fragments[2], small, TestPacket.Arp());
        Assert.Equal([small, small], sw.Received(2));
        Assert.Single(sw.Received(3));
        Assert.Equal(3, sw.Control.Accounts.ReadDrops(DropReason.Fragment));
    }

    [Fact]
    public void Reassembled_datagrams_match_by_their_ports_count_once_and_leave_whole_where_they_fit()
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble);
        List<byte[]> fragments = Ipv4Fragments.CutAll(Whole, 1480);
        sw.Send(1, fragments[2], TestPacket.Arp(), fragments[0]);
        Assert.Empty(sw.Received(2));
        sw.Send(1, TestPacket.Udp(dstPort: 5000), fragments[1]);
        List<byte[]> received = sw.Received(2);
        Assert.Equal([TestPacket.Udp(dstPort: 5000), Whole], received);
        Assert.Single(sw.Received(3));
        Assert.Equal((2ul, (ulong)received.Sum(f => f.Length)), sw.Flows().Where(f => f.Match.TpDst == 5000).Select(f => (f.Packets, f.Bytes)).Single());
        Assert.True(sw.Control.Ports.TryRead(1, out PortStatistics port));
        Assert.Equal(5ul, port.ReceivedPackets);
    }

    [Theory]
    [InlineData(1500)]
    [InlineData(576)]
    [InlineData(68)]
    public void A_port_with_a_smaller_mtu_gets_fragments_that_make_the_datagram_again(int mtu)
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble, mtu);
        sw.Send(1, [.. Ipv4Fragments.CutAll(Whole, 800)]);
        List<byte[]> fragments = sw.Received(2);
        Assert.All(fragments, f => Assert.InRange(f.Length, 35, mtu + 14));
        ReferenceReassembler reference = new(1, 1000);
        List<byte[]?> made = [.. fragments.Select(f => reference.Accept(f, 0))];
        Assert.Equal(Whole, made[^1]);
        Assert.True(sw.Control.Ports.TryRead(2, out PortStatistics port));
        Assert.Equal((ulong)fragments.Count, port.TransmittedPackets);
    }

    [Fact]
    public void Actions_see_the_whole_datagram_and_its_checksums_stay_right()
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble, mtu: 1500);
        FlowMod mod = TestSwitch.Flow(FlowMatch.Any, 0xffff);
        mod.Actions = new[]
        {
            FlowAction.SetVlanVid(9), FlowAction.SetNwDst(0x0a090807), FlowAction.SetTpDst(53), FlowAction.Output(2), FlowAction.Output(3),
        };
        sw.Control.Apply(mod);
        sw.Send(1, [.. Ipv4Fragments.CutAll(Whole, 1480)]);
        byte[] tagged = Assert.Single(sw.Received(3)); // no limit there
        Assert.Equal(0, TestPacket.TransportChecksum(tagged.AsSpan(18)));
        Assert.Equal(0, TestPacket.TextbookChecksum(tagged.AsSpan(18, 20)));
        List<byte[]> cut = sw.Received(2);
        Assert.Equal(3, cut.Count);
        Assert.All(cut, f => Assert.Equal(tagged[..18], f[..18]));
        Assert.Equal(tagged[38..], cut.SelectMany(f => f[38..]));
    }

    [Fact]
    public void Dont_fragment_is_respected_and_counted()
    {
        byte[] firm = (byte[])Whole.Clone();
        List<byte[]> fragments = Ipv4Fragments.CutAll(firm, 1480);
        foreach (byte[] fragment in fragments)
        {
            fragment[20] |= 0x40;
            Ipv4Fragments.WriteChecksum(fragment);
        }
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble, mtu: 1500);
        sw.Send(1, [.. fragments]);
        Assert.Empty(sw.Received(2));
        Assert.Equal(1, sw.Control.Accounts.ReadDrops(DropReason.TooLong));
    }

    [Fact]
    public void The_controller_gets_the_datagram_whole_and_what_it_sends_back_is_cut()
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble, mtu: 1500, new DatapathOptions { BufferCount = 1 });
        sw.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any });
        sw.Send(1, [.. Ipv4Fragments.CutAll(Whole, 1480)]);
        Assert.Equal(Whole, Assert.Single(sw.PacketIns).Data);
        sw.Control.PacketOut(sw.PacketIns[0].Buffer, 1, [FlowAction.Output(2)], []);
        sw.Control.PacketOut(FlowMod.NoBuffer, PortNumber.None, [FlowAction.Output(2)], Whole);
        sw.Settle();
        Assert.Equal(6, sw.Received(2).Count);
    }

    [Fact]
    public void Packets_the_switch_did_not_reassemble_are_never_cut()
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble, mtu: 1500);
        sw.Send(1, Whole); // as a port with a large MTU would deliver it
        Assert.Equal(Whole, Assert.Single(sw.Received(2)));
    }

    [Fact]
    public void Output_to_the_table_reassembles_too()
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble);
        foreach (byte[] fragment in Ipv4Fragments.CutAll(Whole, 1480))
        {
            sw.Control.PacketOut(FlowMod.NoBuffer, 1, [FlowAction.Output(PortNumber.Table)], fragment);
        }
        sw.Settle();
        Assert.Equal(Whole, Assert.Single(sw.Received(2)));
    }

    [Fact]
    public void What_is_not_completed_in_time_is_given_up_and_counted()
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble);
        List<byte[]> fragments = Ipv4Fragments.CutAll(Whole, 1480);
        sw.Send(1, fragments[0], fragments[1]);
        sw.Time.Advance(TimeSpan.FromSeconds(30) - TimeSpan.FromMilliseconds(1));
        sw.Settle();
        Assert.Equal(1, sw.Control.Workers[0].HeldCount);
        sw.Time.Advance(TimeSpan.FromMilliseconds(1));
        sw.Settle();
        Assert.Equal(0, sw.Control.Workers[0].HeldCount);
        Assert.Equal(2, sw.Control.Accounts.ReadDrops(DropReason.ReassemblyTimeout));
        sw.Send(1, fragments[2]);
        Assert.Empty(sw.Received(2));
    }

    [Fact]
    public void A_flood_of_first_fragments_takes_the_oldest_places_and_no_more()
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble, options: new DatapathOptions { MaxReassemblies = 16 });
        for (ushort id = 0; id < 500; id++)
        {
            sw.Send(1, Ipv4Fragments.Cut(Whole, 0, 1480, more: true, id));
        }
        Assert.Equal(16, sw.Control.Workers[0].HeldCount);
        Assert.Equal(484, sw.Control.Accounts.ReadDrops(DropReason.ReassemblyFull));
    }

    [Theory]
    [InlineData(FragmentHandling.Normal)]
    [InlineData(FragmentHandling.Drop)]
    internal void Turning_reassembly_off_gives_up_what_was_in_the_making(FragmentHandling next)
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble);
        List<byte[]> fragments = Ipv4Fragments.CutAll(Whole, 1480);
        sw.Send(1, fragments[0], fragments[1]);
        sw.Control.Pipeline.FragmentHandling = next;
        sw.Send(1, fragments[2]);
        Assert.Equal(next == FragmentHandling.Normal ? 1 : 0, sw.Received(3).Count);
        Assert.Equal(0, sw.Control.Workers[0].HeldCount);
    }

    [Theory]
    [InlineData(FragmentHandling.Normal, 3)]
    [InlineData(FragmentHandling.Drop, 0)]
    [InlineData(FragmentHandling.Reassemble, 3)]
    internal void Fragments_in_802_3_frames_are_not_reassembled(FragmentHandling handling, int passed)
    {
        using TestSwitch sw = NewSwitch(handling);
        byte[][] snap = [.. Ipv4Fragments.CutAll(TestPacket.Udp(payload: 500), 200).Select(f =>
            TestPacket.Ethernet((ushort)(f.Length - 14 + 8), [0xaa, 0xaa, 3, 0, 0, 0, 8, 0, .. f[14..]]))];
        sw.Send(1, snap);
        Assert.Equal(passed, sw.Received(3).Count);
    }

    [Fact]
    public void Two_workers_reassemble_what_comes_in_by_their_own_ports_and_hand_over_fragments_that_fit()
    {
        using TestSwitch sw = NewSwitch(FragmentHandling.Reassemble, mtu: 1500, options: new DatapathOptions { Workers = 2 });
        List<byte[]> fragments = Ipv4Fragments.CutAll(Whole, 1480);
        sw.Send(1, fragments[0]);
        sw.Send(3, fragments[1], fragments[2]); // by another port: another datagram's as far as anyone can tell
        Assert.Empty(sw.Received(2));
        sw.Send(1, fragments[1], fragments[2]);
        Assert.Equal(3, sw.Received(2).Count);
    }

    /// <summary>UDP to 5000 leaves by port 2, which has the MTU; everything else by port 3.</summary>
    private static TestSwitch NewSwitch(FragmentHandling handling, int mtu = 0, DatapathOptions? options = null)
    {
        TestSwitch sw = new(ports: 0, options) { KeepsFrames = true };
        for (ushort port = 1; port <= 4; port++)
        {
            sw.AddPort(port, port == 2 ? mtu : 0);
        }
        FlowMatch udp = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~(FlowWildcards.DlType | FlowWildcards.NwProto | FlowWildcards.TpDst) };
        (udp.DlType, udp.NwProto, udp.TpDst) = (EtherType.Ipv4, IpProtocol.Udp, 5000);
        sw.Add(udp, 9, FlowAction.Output(2));
        sw.Add(FlowMatch.Any, 1, FlowAction.Output(3));
        sw.Control.Pipeline.FragmentHandling = handling;
        return sw;
    }
}
