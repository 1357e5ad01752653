using Softswitch.Datapath.Flows;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>The card against the oracle, after every change and after every single register write.</summary>
public sealed class SafeChangeTests
{
    [Fact, Trait("Ring", "all")]
    public void Nor_in_tables_that_fill_it()
    {
        No_single_write_makes_the_card_treat_a_frame_as_no_table_would(4, OffloadLevel.All, 60, 20);
        No_single_write_makes_the_card_treat_a_frame_as_no_table_would(5, OffloadLevel.On, 60, 4);
    }

    [Theory]
    [InlineData(1, OffloadLevel.On, 12, 3)]
    [InlineData(2, OffloadLevel.All, 12, 8)]
    [InlineData(3, OffloadLevel.Strict, 12, 5)]
    internal void No_single_write_makes_the_card_treat_a_frame_as_no_table_would(int seed, OffloadLevel level, int size, int exactShare)
    {
        RandomTable random = new(seed, exactShare);
        using OffloadRig rig = new(level);
        for (int i = 0; i < 100; i++)
        {
            Change(rig, random, size);
        }
        Assert.True(rig.Looked.ByCard * 20 > rig.Looked.All, $"the card forwarded {rig.Looked.ByCard} of {rig.Looked.All} frames: too few to say anything");
        Assert.Empty(rig.Log);
    }

    [Fact]
    public void A_frame_that_fares_otherwise_is_reported_with_the_flow_it_should_have_met()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(7, Matches.Tcp(1), 0, FlowAction.Output(2)));
        rig.Card.SlotWord(rig.Describe(7).Slot!.Value, 10) = CardPort.WireBit(3);
        rig.Watch(Matches.TcpFrame(1));

        string message = Assert.Throws<Xunit.Sdk.FailException>(rig.CheckAfter).Message;
        Assert.Contains("flow 7 (exact, in_port=1 ", message, StringComparison.Ordinal);
        Assert.Contains($"-> {FlowAction.Output(2)};", message, StringComparison.Ordinal);
    }

    private static void Change(OffloadRig rig, RandomTable random, int size)
    {
        SoftwareFlow[] flows = [.. rig.Table.Flows.Values];
        SoftwareFlow? some = random.Any(rig.Table);
        SoftwareFlow next = random.NextFlow();
        List<FlowKey> probes = [.. Enumerable.Range(0, 12).Select(_ => random.NextFrame())];
        probes.AddRange(Enumerable.Range(0, 6).Select(_ => random.NextFrame(some ?? next)));
        probes.AddRange(Enumerable.Range(0, 6).Select(_ => random.NextFrame(next)));
        probes.AddRange(Enumerable.Range(0, flows.Length == 0 ? 0 : 16).Select(_ => random.NextFrame(flows[random.Random.Next(flows.Length)])));
        rig.Watch([.. probes.Where(probe => probe.DlType.Host >= 0x600)]);
        random.Change(rig, size, next, some);
        rig.Watch();
    }
}
