using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Cards;
using Softswitch.Hosting.Configuration;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Offload;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;

namespace Softswitch.Hosting.Tests.Cards;

/// <summary>What <c>netfpga show</c> prints of a card, and what is read of an image or a trace of one.</summary>
public sealed class CardReportTests
{
    private const string Tcp =
        "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,dl_vlan=0xffff,tcp,nw_tos=0,nw_src=192.0.2.10,nw_dst=192.0.2.20,tp_src=40000,tp_dst=80,actions=output:2";

    [Fact]
    public void An_idle_card_is_shown_whole()
    {
        using RegisterImage card = Card($"{Tcp}\npriority=5,arp,in_port=2,actions=output:1,in_port");
        card.Write(CardRegisters.Exact + (0x0a0f * CardRegisters.SlotStride) + CardRegisters.SlotPackets, 0xfe000007); // last hit in the top bits
        card.Write(CardRegisters.Exact + (0x0a0f * CardRegisters.SlotStride) + CardRegisters.SlotBytes, 700);
        card.Write(CardRegisters.Timer, 99);
        card.Write(CardRegisters.Watchdog, 1);
        card.Write(CardRegisters.Drops + (4 * 3), 5);
        card.Write(CardRegisters.Phy + CardRegisters.PhyStride + CardRegisters.PhyAuxiliaryStatus, 4);
        for (uint row = 24; row < 32; row++)
        {
            card.Write(CardRegisters.RowPackets + (4 * row), row);
        }
        string[] lines = [.. CardReport.OfIdle("nf2c0", card, null)];

        Assert.Equal(
        [
            "card nf2c0: image",
            "identification: block 2, project openflow_switch, version 1.0.4, device 0, CPCI 0x00000000",
            "layout: 1.0",
            "since reset: 99 s; cookie 0x00000000; watchdog on",
            "links: port 0 down, port 1 up, port 2 down, port 3 down",
            "lookups: exact 0 hits, 0 misses; wildcard 0 hits, 0 misses (reserved rows hit, too)",
            "dropped: from wires 0 0 0 0; from the host 0 5 0 0",
            "exact table: 1 of 32768 slots in use, 32767 free",
            " slot=0x0a0f, n_packets=7, n_bytes=700, tcp,in_port=1,vlan_tci=0x0000,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=192.0.2.10,nw_dst=192.0.2.20,nw_tos=0,tp_src=40000,tp_dst=80 actions=output:2",
            "wildcard table: 1 of 24 rows in use, 23 free",
        ], lines[..10]);
        Assert.Matches("^ row=[0-9]+, n_packets=0, n_bytes=0, arp,in_port=2 actions=output:1,IN_PORT$", lines[10]);
        Assert.Equal(["reserved rows: 102 packets from the host, 118 to it"], lines[11..]);
    }

    [Theory]
    [InlineData(CardLayout.V10)]
    [InlineData(CardLayout.V09)]
    internal void An_emulated_card_that_is_written_a_dump_shows_its_flows(CardLayout layout)
    {
        string flows = $"priority=7,dl_vlan=5,in_port=2,actions=mod_dl_src:02:00:00:00:00:07,output:1\npriority=6,tcp,in_port=3,tp_dst=80,actions=output:4\n"
            + "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,dl_vlan=5,dl_vlan_pcp=2,dl_type=0x88cc,nw_tos=0,nw_proto=0,nw_src=0.0.0.0,nw_dst=0.0.0.0,tp_src=0,tp_dst=0,actions=output:2";
        using EmulatedCard card = new(new EmulatedCardOptions { Layout = layout });
        foreach (RegisterWrite write in FlowFileOnCard.Install(new StringReader(flows), "flows", layout, OffloadLevel.On).Writes)
        {
            card.Write(write.Address, write.Value);
        }
        string[] lines = [.. CardReport.OfIdle("emulator", card, layout)];

        Assert.Contains($"layout: {(layout == CardLayout.V10 ? "1.0" : "0.9")}", lines);
        Assert.Contains(lines, line => line.StartsWith("exact table: 1 of", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.EndsWith(", n_packets=0, n_bytes=0, in_port=1,dl_vlan=5,dl_vlan_pcp=2,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,"
            + "dl_type=0x88cc,nw_src=0.0.0.0,nw_dst=0.0.0.0,nw_proto=0,nw_tos=0,tp_src=0,tp_dst=0 actions=output:2", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.EndsWith(", n_packets=0, n_bytes=0, in_port=2,dl_vlan=5 actions=mod_dl_src:02:00:00:00:00:07,output:1", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.EndsWith(", n_packets=0, n_bytes=0, tcp,in_port=3,tp_dst=80 actions=output:4", StringComparison.Ordinal));
        Assert.Equal("reserved rows: 0 packets from the host, 0 to it", lines[^1]);
    }

    [Fact]
    public void A_missing_and_a_changed_reserved_row_are_noticed()
    {
        using RegisterImage card = Card("actions=drop");
        card.Write(CardRegisters.RowRead, 24);
        card.Write(CardRegisters.RowAction, 0x04);
        card.Write(CardRegisters.RowWrite, 24);
        card.Write(CardRegisters.RowRead, 23);
        card.Write(CardRegisters.RowWrite, 31);
        string[] expected = ["row 24 does not hold the reserved row", "row 31 is empty: the reserved row is missing"];

        Assert.Equal(expected.Select(line => $" {line}"), CardReport.OfIdle("nf2c0", card, null).TakeLast(2));
        Assert.Equal(expected.Select(line => $"# {line}"), CardListing.DescribeFlows(CardTables.Read(card), CardLayout.V10, FlowFileOnCard.PortNumbers).TakeLast(2));
    }

    [Fact]
    public void A_row_that_no_flow_can_say_is_shown_with_what_it_does()
    {
        using RegisterImage card = Card("priority=5,in_port=2,actions=output:1");
        CardRow used = CardTables.Read(card).Rows.First(row => !row.IsEmpty);
        card.Write(CardRegisters.RowRead, (uint)used.Row);
        card.Write(CardRegisters.RowMask + 24, 0xffffffff); // as the reference driver leaves in_port open
        card.Write(CardRegisters.RowAction, 0x00080003);
        card.Write(CardRegisters.RowWrite, (uint)used.Row);

        string[] lines = [.. CardReport.OfIdle("nf2c0", card, null)];
        int at = Array.FindIndex(lines, line => line.StartsWith(" row=", StringComparison.Ordinal));

        Assert.EndsWith("actions=strip_vlan,output:1", lines[at], StringComparison.Ordinal);
        Assert.Equal(["  matches frames of the host, too", "  gives a copy to the host"], lines[(at + 1)..(at + 3)]);
    }

    [Fact]
    public void A_driven_card_shows_what_the_switch_counts_and_why_flows_are_in_software()
    {
        RegisterImage card = Identified(new RegisterImage());
        using NetFpgaOffload offload = new(card, CardLayout.V10, OffloadLevel.On, FlowFileOnCard.PortNumbers, _ => { });
        offload.SetPorts([.. FlowFileOnCard.PortNumbers.Select(port => new OffloadPort(port, PortConfig.None, IsScheduled: false))]);
        FlowMatch match = FlowMatch.Any;
        match.Wildcards &= ~FlowWildcards.InPort;
        match.InPort = 1;
        MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
        offload.Add(new OffloadEntry { Id = 1, IsExact = false, Key = key, Mask = mask, Priority = 5, Sequence = 1, Actions = [FlowAction.Output(2)] });
        offload.Add(new OffloadEntry { Id = 2, IsExact = false, Key = key, Mask = mask, Priority = 4, Sequence = 2, Actions = [FlowAction.Output(PortNumber.Controller)] });

        IReadOnlyList<string> lines = CardReport.OfDriven("nf2c0", card, CardLayout.V10, offload, FlowFileOnCard.PortNumbers);

        Assert.Contains(lines, line => line.StartsWith(" row=", StringComparison.Ordinal) && line.EndsWith(", in_port=1 actions=output:2", StringComparison.Ordinal));
        Assert.Contains("offload: on", lines);
        Assert.Contains("flows: 1 of 2 forwarded by the card", lines);
        Assert.StartsWith(" 1 in software: ", lines[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X 2001000 1", "image:2: 'X 2001000 1' is neither 'W address value' nor 'R address value'")]
    [InlineData("W 2001000", "image:2: 'W 2001000' is neither 'W address value' nor 'R address value'")]
    [InlineData("R 2001000", "image:2: 'R 2001000' is neither 'W address value' nor 'R address value'")]
    [InlineData("R 2001002 1", "image:2: address '2001002' is not a multiple of 4 below 0x8000000")]
    [InlineData("W 2001002 1", "image:2: address '2001002' is not a multiple of 4 below 0x8000000")]
    [InlineData("W 8000000 1", "image:2: address '8000000' is not a multiple of 4 below 0x8000000")]
    [InlineData("W 200100g 1", "image:2: address '200100g' is not a hexadecimal number of 32 bits")]
    [InlineData("W 2001000 100000000", "image:2: value '100000000' is not a hexadecimal number of 32 bits")]
    public void A_line_that_is_no_access_is_named(string line, string message)
    {
        using RegisterImage card = new();
        Assert.Equal(message, Assert.Throws<OptionException>(() => RegisterLines.Apply(new StringReader($"W 0x2000030 0x5 # fine\n{line}\n"), "image", card)).Message);
        Assert.Equal(5u, card.Read(CardRegisters.Scratch));
    }

    [Fact]
    public void Reads_in_a_trace_are_passed_over()
    {
        using RegisterImage card = new();
        RegisterLines.Apply(new StringReader("W 02000030 00000005\nR 02000030 00000007\nR 02001068 deadbeef\n"), "trace", card);
        Assert.Equal(5u, card.Read(CardRegisters.Scratch));
    }

    private static RegisterImage Card(string flows)
    {
        RegisterImage card = new();
        foreach (RegisterWrite write in FlowFileOnCard.Install(new StringReader(flows), "flows", CardLayout.V10, OffloadLevel.All).Writes)
        {
            card.Write(write.Address, write.Value);
        }
        return Identified(card);
    }

    private static RegisterImage Identified(RegisterImage card)
    {
        uint[] words = [0x5e461ffe, 0x439725c9, 0x279a22a1, 0x855f6c53, 0, 0x010004, 0, 0x6f70656e, 0x666c6f77, 0x5f737769, 0x74636800];
        for (int i = 0; i < words.Length; i++)
        {
            card.Write(CardRegisters.Identification + (4 * (uint)i), words[i]);
        }
        return card;
    }
}
