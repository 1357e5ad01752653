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
    private static readonly MacAddress New = new(0x0a0b0c0d0e0f);

    // What an entry does, and what comes out by which port for a frame.
    private static readonly (FlowAction[] Actions, (ushort Port, bool Rewritten)[] Out)[] Treatments =
    [
        ([FlowAction.Output(2)], [(2, false)]),
        ([FlowAction.Output(3)], [(3, false)]),
        ([FlowAction.SetDlDst(New), FlowAction.Output(2)], [(2, true)]),
        ([FlowAction.SetDlDst(New), FlowAction.Output(3)], [(3, true)]),
        ([FlowAction.Output(3), FlowAction.SetDlDst(New), FlowAction.Output(2)], [(3, false), (2, true)]),
        ([FlowAction.Output(1)], []),
        ([FlowAction.SetDlDst(New), FlowAction.Output(1)], []),
        ([FlowAction.Output(Closed)], []),
        ([FlowAction.SetDlDst(New), FlowAction.Output(Closed)], []),
        ([FlowAction.Output(99)], []),
        ([FlowAction.SetDlDst(New), FlowAction.Output(PortNumber.InPort)], [(1, true)]),
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
        sut.Control.MissBehaviour = MissBehaviour.Drop;
        sut.Control.ConfigurePort(Closed, sut[Closed].HardwareAddress, PortConfig.PortDown, PortConfig.PortDown);
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
        Assert.Equal(sent[^1], sut.Control.ReadDrops(DropReason.Miss));
        sut.AssertNoFrameLost();
    }

    private static IEnumerable<byte[]> Expected(int pick, ushort port, byte[][] frames) =>
        pick == Treatments.Length ? [] : Treatments[pick].Out.Where(o => o.Port == port).Select(o => o.Rewritten ? [10, 11, 12, 13, 14, 15, .. frames[pick][6..]] : frames[pick]);
}
