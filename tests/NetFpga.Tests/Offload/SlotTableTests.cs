using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests.Offload;

public sealed class SlotTableTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Sixteen_thousand_flows_fit_but_for_one_in_a_thousand(int seed)
    {
        SlotTable table = new();
        int moves = Fill(table, seed, 16_384, out int refused);

        Assert.True(refused * 1000 <= 16_384, $"{refused} found no slot");
        Assert.Equal(16_384 - refused, table.Count);
        Assert.True(moves < 16_384, $"{moves} moves");
    }

    /// <summary>No order of moves can do better than the components of the graph in which slots are nodes and flows are edges: in each as many flows as it has slots.</summary>
    [Fact]
    public void Far_beyond_half_full_little_is_lost_to_the_limit_on_moves()
    {
        SlotTable table = new();
        Fill(table, 5, 26_000, out int refused);

        int possible = MostPossible(5, 26_000);
        Assert.True(table.Count >= possible * 0.99, $"{table.Count} placed of {possible} possible, {refused} refused");
    }

    [Fact]
    public void A_move_goes_into_a_free_slot_and_every_flow_stays_in_one_of_its_two()
    {
        SlotTable table = new();
        CardFlow?[] mirror = new CardFlow?[CardRegisters.SlotCount];
        List<SlotMove> moves = [];
        foreach (CardFlow flow in Flows(7, 18_000))
        {
            moves.Clear();
            if (!table.TryPlace(flow, moves))
            {
                Assert.Empty(moves);
                continue;
            }
            foreach (SlotMove move in moves)
            {
                Assert.Same(move.Flow, mirror[move.From]);
                Assert.Null(mirror[move.To]);
                (mirror[move.To], mirror[move.From]) = (move.Flow, null);
                Assert.True(move.To == move.Flow.SlotA || move.To == move.Flow.SlotB);
            }
            Assert.Null(mirror[flow.Slot]);
            Assert.True(flow.Slot == flow.SlotA || flow.Slot == flow.SlotB);
            mirror[flow.Slot] = flow;
        }
        for (int slot = 0; slot < mirror.Length; slot++)
        {
            Assert.Same(mirror[slot], table[slot]);
        }
    }

    [Fact]
    public void A_removed_flow_leaves_room_for_another()
    {
        SlotTable table = new();
        CardFlow one = At(1, 5, 5);
        CardFlow two = At(2, 5, 5);

        Assert.True(table.TryPlace(one, []));
        Assert.False(table.TryPlace(two, []));
        table.Remove(one);

        Assert.True(table.TryPlace(two, []));
        Assert.Equal((-1, 5), (one.Slot, two.Slot));
    }

    internal static int Fill(SlotTable table, int seed, int count, out int refused)
    {
        refused = 0;
        List<SlotMove> moves = [];
        foreach (CardFlow flow in Flows(seed, count))
        {
            refused += table.TryPlace(flow, moves) ? 0 : 1;
        }
        return moves.Count;
    }

    private static CardFlow At(uint id, int a, int b)
    {
        CardFlow flow = new(SoftwareFlow.Of(id, default, 0).ToEntry(), 1);
        (flow.SlotA, flow.SlotB) = (a, b);
        return flow;
    }

    private static IEnumerable<CardFlow> Flows(int seed, int count)
    {
        Random random = new(seed);
        for (uint id = 1; id <= count; id++)
        {
            FlowMatch match = new()
            {
                InPort = (ushort)random.Next(1, 5),
                DlSrc = new MacAddress((ulong)random.NextInt64(1L << 40)),
                DlDst = new MacAddress((ulong)random.NextInt64(1L << 40)),
                DlVlan = FlowMatch.VlanNone,
                DlType = EtherType.Ipv4,
                NwProto = IpProtocol.Tcp,
                NwSrc = (uint)random.Next(),
                NwDst = (uint)random.Next(),
                TpSrc = (ushort)random.Next(1 << 16),
                TpDst = (ushort)random.Next(1 << 16),
            };
            CardFlow flow = new(SoftwareFlow.Of(id, match, 0, FlowAction.Output(1)).ToEntry(), (byte)(1 << (match.InPort - 1)));
            MatchCodec.TryEncodeExact(CardLayout.V10, flow.Key, match.InPort - 1, out KeyWords value, out _);
            (flow.SlotA, flow.SlotB) = SlotHash.Compute(value);
            yield return flow;
        }
    }

    private static int MostPossible(int seed, int count)
    {
        int[] parents = [.. Enumerable.Range(0, CardRegisters.SlotCount)];
        int[] flows = new int[CardRegisters.SlotCount];
        int[] slots = [.. Enumerable.Repeat(1, CardRegisters.SlotCount)];
        foreach (CardFlow flow in Flows(seed, count))
        {
            int a = Root(flow.SlotA);
            int b = Root(flow.SlotB);
            flows[a]++;
            if (a != b)
            {
                parents[b] = a;
                flows[a] += flows[b];
                slots[a] += slots[b];
            }
        }
        return Enumerable.Range(0, parents.Length).Where(node => parents[node] == node).Sum(node => Math.Min(flows[node], slots[node]));

        int Root(int node)
        {
            while (parents[node] != node)
            {
                node = parents[node] = parents[parents[node]];
            }
            return node;
        }
    }
}
