using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>A collection stops every worker: packets allocate nothing, flow-mods next to nothing.</summary>
public sealed class AllocationTests
{
    private const int Packets = 100_000;

    public static TheoryData<string> Paths => ["exact", "wildcard", "rewrite", "flood", "normal", "queue", "drop"];

    [Theory]
    [MemberData(nameof(Paths))]
    public void A_hundred_thousand_packets_allocate_nothing(string path)
    {
        byte[] frame = TestPacket.Tcp(vlan: 5);
        using TestSwitch sut = new();
        FlowMatch exact = ReferenceParser.Parse(frame, 1);
        switch (path)
        {
            case "exact":
                sut.Add(exact, 1, FlowAction.Output(2));
                break;
            case "wildcard":
                sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
                break;
            case "rewrite":
                sut.Add(
                    exact, 1, FlowAction.StripVlan(), FlowAction.SetVlanVid(7), FlowAction.SetDlSrc(new(1)), FlowAction.SetNwDst(9), FlowAction.SetTpSrc(10),
                    FlowAction.Output(3), FlowAction.SetNwTos(8), FlowAction.Output(2));
                break;
            case "flood":
                sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.All));
                break;
            case "normal":
                sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Normal));
                break;
            case "costly":
                sut.Add(FlowMatch.Any, 1, [.. Enumerable.Repeat(FlowAction.Output(9), PacketCost.Plain + 1)]);
                break;
            case "queue":
                sut.Control.Queues.Configure(2, new QueueConfig(5, 10_000_000));
                sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(2, 5), FlowAction.Output(2));
                break;
        }
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        int rounds = 0;
        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            Forward(sut, frame, Packets);
            rounds++;
        }));
        Assert.Equal((ulong)(rounds * Packets), sut.Control.ReadTable(0).LookupCount);
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void Ten_thousand_flow_mods_in_steady_state_allocate_nothing()
    {
        using TestSwitch sut = new();
        FlowMatch[] matches = [.. Enumerable.Range(0, 1000).Select(i => ReferenceParser.Parse(TestPacket.Tcp(src: (uint)i, payload: 0), 1))];
        FlowAction[][] actions = [[FlowAction.Output(2)], [FlowAction.SetDlDst(new(1)), FlowAction.Output(3)]];
        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            for (int i = 0; i < 4; i++)
            {
                ChangeAll(sut.Control, matches, actions);
            }
        }));
        Assert.Empty(sut.Flows());
        Assert.Equal(0, sut.Control.ActionLists.ListCount);
    }

    [Fact]
    public void Entries_with_equal_actions_share_a_list_until_the_last_of_them_is_gone()
    {
        using TestSwitch sut = new();
        FlowMatch[] matches = [.. Enumerable.Range(0, 100).Select(i => ReferenceParser.Parse(TestPacket.Tcp(src: (uint)i, payload: 0), 1))];
        FlowAction[][] actions = [[FlowAction.SetDlDst(new(1)), FlowAction.Output(2)], [FlowAction.SetDlDst(new(2)), FlowAction.Output(2)]];
        for (int i = 0; i < matches.Length; i++)
        {
            sut.Add(matches[i], 1, actions[i & 1]);
        }
        Assert.Equal(2, sut.Control.ActionLists.ListCount);
        for (int i = 1; i < matches.Length; i += 2)
        {
            sut.Add(matches[i], 1, actions[0]);
        }
        sut.Control.Barriers.Finish();
        Assert.Equal(1, sut.Control.ActionLists.ListCount);
        Assert.All(sut.Flows(), flow => Assert.Equal(actions[0], flow.Actions));
        for (int i = 1; i < matches.Length; i++)
        {
            sut.Control.Apply(TestSwitch.Flow(matches[i], 1, FlowModCommand.DeleteStrict));
        }
        sut.Control.Barriers.Finish();
        Assert.Equal(actions[0], Assert.Single(sut.Flows()).Actions);
        sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete));
        sut.Control.Barriers.Finish();
        Assert.Equal(0, sut.Control.ActionLists.ListCount);
    }

    [Fact]
    public void Random_flow_mods_leave_no_native_memory_behind()
    {
        const int seed = 8001;
        RandomMatches random = new(seed);
        using TestSwitch sut = new(ports: 0);
        int baseline = sut.Control.Table.Memory.RentedCount;
        for (int i = 0; i < 20_000; i++)
        {
            FlowMod mod = TestSwitch.Flow(random.NextMatch(), (ushort)random.Random.Next(4), (FlowModCommand)random.Random.Next(5));
            FlowAction[] actions = new FlowAction[random.Random.Next(6)];
            actions.AsSpan().Fill(FlowAction.Output(2));
            mod.Actions = actions;
            sut.Control.Apply(mod);
        }
        sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete));
        sut.Control.Barriers.Finish();
        Assert.Equal((0, 0L), (sut.Control.ActionLists.ListCount, sut.Control.ActionLists.UsedBytes));
        // Table 0 keeps the segments it grew to; few, for there were few exact entries at a time.
        Assert.InRange(sut.Control.Table.Memory.RentedCount, baseline, baseline + 20);
    }

    // Add, replace, modify and delete of each: 2,500 flow-mods and more for 1,000 matches.
    private static void ChangeAll(DatapathControl control, FlowMatch[] matches, FlowAction[][] actions)
    {
        foreach (FlowModCommand command in (ReadOnlySpan<FlowModCommand>)[FlowModCommand.Add, FlowModCommand.Add, FlowModCommand.ModifyStrict, FlowModCommand.DeleteStrict])
        {
            for (int i = 0; i < matches.Length; i++)
            {
                control.Apply(new FlowMod { Command = command, Match = matches[i], Actions = actions[i & 1], IdleTimeoutSeconds = 10 });
            }
            control.Service();
        }
    }

    private static void Forward(TestSwitch sut, byte[] frame, int packets)
    {
        MemoryPort source = sut[1];
        Worker worker = sut.Control.Workers[0];
        for (int sent = 0; sent < packets; sent += 50)
        {
            for (int i = 0; i < 50; i++)
            {
                source.TryInject(frame);
            }
            while (worker.PollOnce() > 0)
            {
            }
            sut.Discard(2);
            sut.Discard(3);
            sut.Discard(4);
        }
    }
}
