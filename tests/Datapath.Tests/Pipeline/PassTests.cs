using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>One pass over queues in which more waits than a batch holds.</summary>
public sealed class PassTests
{
    private const int Share = Worker.BatchesPerQueue * PacketBatch.Capacity;

    [Fact]
    public void A_pass_takes_a_share_of_each_queue_however_much_waits_in_one()
    {
        using TestSwitch sut = new();
        Assert.Equal(ControlError.None, sut.Add(FlowMatch.Any, 1, FlowAction.Output(4)));
        Inject(sut, 1, Enumerable.Range(0, 3 * Share));
        Inject(sut, 2, Enumerable.Range(0, 5));
        Assert.Equal(Share + 5, sut.Control.Workers[0].PollOnce());
        Assert.Equal(2 * Share, sut[1].PendingReceive);
        Assert.Equal(0, sut[2].PendingReceive);
        Assert.Equal(Share + 5, sut.Received(4).Count);
        sut.AssertNoFrameLost();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(PacketBatch.Capacity - 1)]
    [InlineData(PacketBatch.Capacity)]
    [InlineData(PacketBatch.Capacity + 1)]
    [InlineData(2 * PacketBatch.Capacity)]
    [InlineData(3 * PacketBatch.Capacity)]
    [InlineData(Share)]
    [InlineData(3 * Share + 7)]
    public void Packets_that_come_by_several_ports_leave_in_the_order_of_each_and_are_counted(int count)
    {
        Check(count, others: 0);
        Check(count, BatchClassifier.EntriesNearby); // a batch waits for memory while others come in
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Batches_under_way_are_finished_when_the_table_shrinks_or_grows_meanwhile(int batchesBefore)
    {
        using TestSwitch sut = new();
        Assert.Equal(ControlError.None, sut.Add(FlowMatch.Any, 1, FlowAction.Output(4)));
        for (uint other = 0; other <= BatchClassifier.EntriesNearby; other++)
        {
            Assert.Equal(ControlError.None, Change(FlowModCommand.Add, other));
        }
        using HookedPort port = new(new MemoryPort("p9", sut.Control.Frames));
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(9, port));
        int asked = 0;
        port.OnReceive = () =>
        {
            if (asked++ == batchesBefore)
            {
                Assert.Equal(ControlError.None, Change(FlowModCommand.DeleteStrict, 0)); // one less is near
            }
            else if (asked == batchesBefore + 2)
            {
                Assert.Equal(ControlError.None, Change(FlowModCommand.Add, 0));
            }
        };
        for (int n = 0; n < Share; n++)
        {
            Assert.True(port.Inner.TryInject(Frame(9, (uint)n)));
        }
        sut.Settle();
        Assert.Equal(Enumerable.Range(0, Share), sut.Received(4).Select(frame => (frame[28] << 8) + frame[29]));
        Assert.Equal(0, port.Inner.PendingReceive);

        ControlError Change(FlowModCommand command, uint other)
        {
            FlowMatch match = ReferenceParser.Parse(TestPacket.Udp(src: other), 1);
            return command == FlowModCommand.Add ? sut.Add(match, 1, FlowAction.Output(2)) : sut.Control.Apply(TestSwitch.Flow(match, 1, command));
        }
    }

    private static void Check(int count, int others)
    {
        const int flows = 5;
        using TestSwitch sut = new();
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        for (uint flow = 0; flow + 1 < flows; flow++) // the last one has no entry
        {
            FlowMatch match = FlowMatch.Any with { DlType = 0x0800, NwSrc = flow };
            match.Wildcards &= ~FlowWildcards.DlType;
            match.SetNwWildBits(0, 32);
            FlowAction[] actions = flow % 2 == 0 ? [FlowAction.Output(4)] : [FlowAction.SetDlDst(new(7)), FlowAction.Output(4)];
            Assert.Equal(ControlError.None, sut.Add(flow == 0 ? ReferenceParser.Parse(Frame(1, 0), 1) : match, 1, actions));
        }
        for (uint other = 1; other <= others; other++)
        {
            Assert.Equal(ControlError.None, sut.Add(ReferenceParser.Parse(TestPacket.Udp(src: other), 1), 1, FlowAction.Output(2)));
        }
        Random random = new(count);
        int[][] sent = [.. Enumerable.Range(1, 3).Select(_ => Enumerable.Range(0, count).Select(_ => random.Next(1, flows)).ToArray())];
        for (ushort port = 1; port <= 3; port++)
        {
            foreach (int flow in sent[port - 1])
            {
                Assert.True(sut[port].TryInject(Frame(port, (uint)flow)));
            }
        }
        sut.Settle();
        List<byte[]> received = sut.Received(4);
        for (ushort port = 1; port <= 3; port++)
        {
            IEnumerable<int> left = received.Where(frame => frame[11] == port).Select(frame => (int)frame[29]);
            Assert.Equal(sent[port - 1].Where(flow => flow + 1 < flows), left);
        }
        int[] all = [.. sent.SelectMany(flow => flow)];
        Assert.All(
            sut.Flows().Where(flow => !flow.IsExact), flow => Assert.Equal((ulong)all.Count(one => one == flow.Match.NwSrc), flow.Packets));
        Assert.Equal(all.Count(flow => flow + 1 == flows), sut.Control.Accounts.ReadDrops(DropReason.Miss));
        sut.AssertNoFrameLost();
    }

    private static byte[] Frame(ushort port, uint flow)
    {
        byte[] frame = TestPacket.Tcp(src: flow);
        frame[11] = (byte)port;
        return frame;
    }

    private static void Inject(TestSwitch sut, ushort port, IEnumerable<int> flows)
    {
        foreach (int flow in flows)
        {
            Assert.True(sut[port].TryInject(Frame(port, (uint)flow)));
        }
    }
}
