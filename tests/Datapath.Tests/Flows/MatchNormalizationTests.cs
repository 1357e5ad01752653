using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Flows;

/// <summary>Matches as controllers in the field send them: what does not apply is ignored in every command and left out of reports.</summary>
public sealed class MatchNormalizationTests
{
    [Theory]
    [InlineData(0x3fffffu)] // OFPFW_ALL
    [InlineData(0xffffffffu)]
    [InlineData(0x3820ffu)] // 32 as both address counts
    [InlineData(0x10001fu)] // POX: everything above is ignored, for dl_type is open
    public void Delete_all_in_every_spelling_deletes_all(uint wildcards)
    {
        using TestSwitch sut = new();
        sut.Add(FlowMatch.Any, 1);
        sut.Add(Typed(6), 2);
        sut.Add(new FlowMatch { InPort = 1, DlType = 0x800, DlVlan = FlowMatch.VlanNone }, 3);
        Assert.Equal(3, sut.Flows().Count);
        FlowMatch match = new() { Wildcards = (FlowWildcards)wildcards, NwSrc = 77, NwProto = 6, TpDst = 80, DlType = 0x806, NwTos = 4 };
        Assert.Equal(ControlError.None, sut.Control.Apply(TestSwitch.Flow(match, command: FlowModCommand.Delete)));
        Assert.Empty(sut.Flows());
    }

    [Fact]
    public void Address_counts_of_32_to_63_all_mean_any()
    {
        using TestSwitch sut = new();
        for (uint bits = 32; bits < 64; bits++)
        {
            FlowMatch match = Typed(6) with { NwSrc = bits, NwDst = bits };
            match.Wildcards = (match.Wildcards & ~(FlowWildcards.NwSrcMask | FlowWildcards.NwDstMask)) | (FlowWildcards)(bits << 8) | (FlowWildcards)(bits << 14);
            Assert.Equal(ControlError.None, sut.Add(match, 5, FlowAction.Output(2)));
            // One and the same entry each time, reported in one way.
            Assert.Equal(Typed(6) with { Wildcards = (FlowWildcards)0x3820cf }, Assert.Single(sut.Flows()).Match);
            sut.Send(1, TestPacket.Tcp());
            Assert.Single(sut.Received(2));
        }
    }

    /// <summary>Two matches that differ only in what does not apply.</summary>
    private static readonly Dictionary<string, (FlowMatch A, FlowMatch B)> Pairs = new()
    {
        ["tp without nw_proto"] = Pair(Match(FlowWildcards.DlType | FlowWildcards.TpDst) with { DlType = 0x800, TpDst = 80 }, a => a with { TpDst = 81 }),
        ["tp with a protocol that has none"] = Pair(Typed(89, FlowWildcards.TpSrc) with { TpSrc = 80 }, a => a with { TpSrc = 81 }),
        ["nw without dl_type"] = Pair(
            Match(FlowWildcards.NwProto | FlowWildcards.NwTos | FlowWildcards.NwSrcMask) with { NwProto = 6, NwTos = 8, NwSrc = 1 },
            a => a with { NwProto = 17, NwTos = 4, NwSrc = 2 }),
        ["nw with a dl_type that has none"] = Pair(Typed(6, FlowWildcards.NwDstMask) with { DlType = 0x88cc, NwDst = 9 }, a => a with { NwProto = 17, NwDst = 10 }),
        ["tos of arp"] = Pair(Match(FlowWildcards.DlType | FlowWildcards.NwTos) with { DlType = 0x806, NwTos = 4 }, a => a with { NwTos = 8 }),
        ["pcp without a tag"] = Pair(Match(FlowWildcards.DlVlan | FlowWildcards.DlVlanPcp) with { DlVlan = FlowMatch.VlanNone, DlVlanPcp = 3 }, a => a with { DlVlanPcp = 4 }),
        ["bits below the prefix"] = Pair(
            Match(FlowWildcards.DlType | (FlowWildcards)(0x37 << 8)) with { DlType = 0x800, NwSrc = 0x0a000001 }, a => a with { NwSrc = 0x0a0000fe }),
        ["ecn bits of tos"] = Pair(Match(FlowWildcards.DlType | FlowWildcards.NwTos) with { DlType = 0x800, NwTos = 4 }, a => a with { NwTos = 7 }),
    };

    public static TheoryData<string> WhatDoesNotApply => [.. Pairs.Keys];

    [Theory]
    [MemberData(nameof(WhatDoesNotApply))]
    public void What_does_not_apply_is_ignored_in_add_delete_and_strict_alike(string what)
    {
        (FlowMatch a, FlowMatch b) = Pairs[what];
        using TestSwitch sut = new(ports: 0);
        sut.Add(a, 5);
        sut.Add(b, 5);
        Assert.Equal(MatchNormalizer.Report(a), Assert.Single(sut.Flows()).Match);
        sut.Control.Apply(TestSwitch.Flow(a, 5, FlowModCommand.DeleteStrict));
        Assert.Empty(sut.Flows());
        sut.Add(b, 5);
        sut.Control.Apply(TestSwitch.Flow(a, 5, FlowModCommand.Delete));
        Assert.Empty(sut.Flows());
        sut.Add(a, 5);
        Assert.Equal(1u, sut.Control.Flows.Aggregate(new FlowFilter(b)).FlowCount);
    }

    [Fact]
    public void A_match_without_wildcards_is_exact_even_where_fields_do_not_apply()
    {
        using TestSwitch sut = new();
        FlowMatch lldp = new() { InPort = 1, DlSrc = new(TestPacket.DefaultSource), DlDst = new(TestPacket.DefaultDestination), DlVlan = FlowMatch.VlanNone, DlType = 0x88cc, NwSrc = 5, TpDst = 9 };
        sut.Add(lldp, 1, FlowAction.Output(2));
        sut.Add(FlowMatch.Any, 0xffff, FlowAction.Output(3));
        Assert.Equal(1u, sut.Control.ReadTable(0).ActiveCount);
        sut.Send(1, TestPacket.Ethernet(EtherType.Lldp, new byte[46]));
        Assert.Single(sut.Received(2));
        Assert.Contains(lldp with { NwSrc = 0, TpDst = 0 }, sut.Flows().Select(f => f.Match));
    }

    [Fact]
    public void Reports_show_the_match_normalised_and_it_means_the_same_entry()
    {
        // As POX sends a match on addresses alone: for it the network's fields do not apply, so it does not wildcard them.
        FlowMatch pox = new() { Wildcards = (FlowWildcards)0x10001f & ~(FlowWildcards.DlSrc | FlowWildcards.DlDst), DlSrc = new(1), DlDst = new(2), NwSrc = 3, TpDst = 80 };
        FlowMatch normal = new() { Wildcards = (FlowWildcards)0x3820f3, DlSrc = new(1), DlDst = new(2) };
        using TestSwitch sut = new(ports: 0);
        FlowMod add = TestSwitch.Flow(pox, 5) with { Flags = FlowModFlags.SendFlowRemoved };
        sut.Control.Apply(add);
        Assert.Equal(normal, Assert.Single(sut.Flows()).Match);
        sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete));
        sut.Control.Barriers.Finish();
        Assert.Equal(normal, Assert.Single(sut.Removed).Match);
        add.Flags = FlowModFlags.Emergency;
        sut.Control.Apply(add);
        uint cursor = 0;
        Assert.True(sut.Control.Flows.Next(ref cursor, new FlowFilter(FlowMatch.Any, FlowFilter.EmergencyTable), out FlowStatistics emergency));
        Assert.Equal(normal, emergency.Match);

        RandomMatches random = new(11);
        for (int i = 0; i < 20_000; i++)
        {
            FlowMatch match = random.NextMatchOfAnyType();
            FlowMatch report = MatchNormalizer.Report(match);
            bool exact = MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
            Assert.Equal((exact, key, mask), (MatchNormalizer.Normalize(report, out FlowKey sameKey, out FlowKey sameMask), sameKey, sameMask));
            Assert.Equal(report, MatchNormalizer.Report(report));
        }
    }

    /// <summary>Matches that give more than is compared, with what packets they meet besides.</summary>
    [Theory]
    [InlineData(EtherType.Ipv4, IpProtocol.Icmp, 0, 0x0108, 0xff00, false)]
    [InlineData(EtherType.Ipv4, IpProtocol.Sctp, 0, 80, 81, true)]
    [InlineData(EtherType.Ipv6, IpProtocol.IcmpV6, 0x20, 135, 0, true)]
    [InlineData(EtherType.Ipv6, IpProtocol.Tcp, 0, 80, 81, true)]
    public void What_is_not_compared_is_reported_as_given(
        ushort type, byte protocol, byte tos, ushort source, ushort destination, bool isWidened)
    {
        FlowMatch given = Typed(protocol, FlowWildcards.NwTos | FlowWildcards.TpSrc | FlowWildcards.TpDst);
        given = given with { DlType = type, NwTos = tos, TpSrc = source, TpDst = destination };
        given.SetNwWildBits(32, 32);
        AssertReportedAsGiven(given, isWidened);
    }

    [Fact]
    public void What_is_not_compared_of_rarp_is_reported_as_given_to_the_prefix()
    {
        FlowMatch given = Typed(3) with { DlType = EtherType.Rarp, NwSrc = 0x0a000000 };
        given.SetNwWildBits(8, 32);
        AssertReportedAsGiven(given, isWidened: true);
    }

    private static void AssertReportedAsGiven(FlowMatch given, bool isWidened)
    {
        using TestSwitch sut = new(ports: 0);
        sut.Add(given, 5);
        Assert.Equal(given, Assert.Single(sut.Flows()).Match);
        Assert.Equal(isWidened, MatchNormalizer.IsWidened(given));
        // The tables look at less: what they leave out makes no other entry.
        sut.Add(given with { TpSrc = (ushort)(given.TpSrc ^ 0x100) }, 5);
        Assert.Single(sut.Flows());
    }

    private static FlowMatch Match(FlowWildcards compared) => new() { Wildcards = FlowWildcards.All & ~compared };

    private static FlowMatch Typed(byte protocol, FlowWildcards compared = FlowWildcards.None) =>
        Match(FlowWildcards.DlType | FlowWildcards.NwProto | compared) with { DlType = 0x800, NwProto = protocol };

    private static (FlowMatch A, FlowMatch B) Pair(FlowMatch a, Func<FlowMatch, FlowMatch> other) => (a, other(a));
}
