using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Batches whose packets are treated alike and batches in which every packet is treated otherwise give what the lists say, packet by packet and in order.</summary>
[Trait("HardwarePaths", "ActionList")]
public sealed class BatchExecutorTests
{
    private const ushort Closed = 4;
    private static readonly MacAddress A = new(0x0a0b0c0d0e0f);
    private static readonly MacAddress B = new(0x0266_7788_99aa);

    // What an entry does, and what comes out by which port for a frame: with which addresses instead of its own. Lists that set addresses and then send to one
    // port take a path of their own.
    private static readonly (FlowAction[] Actions, (ushort Port, MacAddress? Dst, MacAddress? Src)[] Out)[] Treatments =
    [
        ([FlowAction.Output(2)], [(2, null, null)]),
        ([FlowAction.Output(3)], [(3, null, null)]),
        ([FlowAction.SetDlDst(A), FlowAction.Output(2)], [(2, A, null)]),
        ([FlowAction.SetDlDst(A), FlowAction.Output(3)], [(3, A, null)]),
        ([FlowAction.SetDlSrc(A), FlowAction.Output(2)], [(2, null, A)]),
        ([FlowAction.SetDlSrc(A), FlowAction.SetDlDst(B), FlowAction.Output(2)], [(2, B, A)]),
        ([FlowAction.SetDlSrc(B), FlowAction.SetDlDst(A), FlowAction.SetDlSrc(A), FlowAction.Output(2)], [(2, A, A)]),
        ([FlowAction.SetDlSrc(A), FlowAction.Output(2), FlowAction.SetDlDst(B)], [(2, null, A)]),
        ([FlowAction.SetDlSrc(A), FlowAction.Output(3), FlowAction.SetDlDst(B), FlowAction.Output(2)], [(3, null, A), (2, B, A)]),
        ([FlowAction.Output(3), FlowAction.SetDlDst(A), FlowAction.Output(2)], [(3, null, null), (2, A, null)]),
        ([FlowAction.Output(1)], []),
        ([FlowAction.SetDlDst(A), FlowAction.Output(1)], []),
        ([FlowAction.Output(Closed)], []),
        ([FlowAction.SetDlDst(A), FlowAction.Output(Closed)], []),
        ([FlowAction.Output(99)], []),
        ([FlowAction.SetDlSrc(A), FlowAction.Output(99)], []),
        ([FlowAction.SetDlDst(A), FlowAction.Output(PortNumber.InPort)], [(1, A, null)]),
        ([FlowAction.SetDlSrc(A), FlowAction.Output(PortNumber.InPort)], [(1, null, A)]),
        ([FlowAction.SetTpDst(7)], []),
        ([], []),
    ];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Whatever_comes_together_each_packet_is_treated_as_its_own_entry_says(int seed)
    {
        Random random = new(seed);
        using TestSwitch sut = new();
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        sut.Configure(Closed, PortConfig.PortDown);
        byte[][] frames = [.. Enumerable.Range(0, Treatments.Length + 1).Select(i => TestPacket.Tcp(src: (uint)i))]; // the last one has no entry
        for (int i = 0; i < Treatments.Length; i++)
        {
            Assert.Equal(ControlError.None, sut.Add(ReferenceParser.Parse(frames[i], 1), 1, Treatments[i].Actions));
        }
        int[] sent = new int[frames.Length];
        for (int round = 0; round < 300; round++)
        {
            // One treatment for all, few, or any.
            int first = random.Next(frames.Length);
            int kinds = round % 3 == 0 ? 1 : round % 3 == 1 ? 2 : frames.Length;
            int[] picks = [.. Enumerable.Range(0, random.Next(1, 80)).Select(_ => (first + random.Next(kinds)) % frames.Length)];
            sut.Send(1, [.. picks.Select(pick => frames[pick])]);
            foreach (int pick in picks)
            {
                sent[pick]++;
            }
            for (ushort port = 1; port <= 4; port++)
            {
                Assert.Equal([.. picks.SelectMany(pick => Expected(pick, port, frames))], sut.Received(port));
            }
        }
        foreach (var (match, _, packets, _, _, _, _) in sut.Flows())
        {
            Assert.Equal((ulong)sent[match.NwSrc], packets);
        }
        Assert.Equal(sent[^1], sut.Control.Accounts.ReadDrops(DropReason.Miss));
        sut.AssertNoFrameLost();
    }

    private static IEnumerable<byte[]> Expected(int pick, ushort port, byte[][] frames) =>
        pick == Treatments.Length ? [] : Treatments[pick].Out.Where(o => o.Port == port).Select(o =>
        {
            byte[] frame = [.. frames[pick]];
            o.Dst?.CopyTo(frame);
            o.Src?.CopyTo(frame.AsSpan(6));
            return frame;
        });
}
